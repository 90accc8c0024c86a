package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api"
)

// The resources that our verbs work on.
const (
	pipelines          = "pipelines"
	pipelineRuns       = "pipelineruns"
	containerInstances = "containerinstances"
)

// A client asks for objects of our group, in one namespace.
type client struct {
	rest      rest.Interface
	namespace string
}

func newClient(f cmdutil.Factory) (*client, error) {
	config, err := f.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	namespace, _, err := f.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	return clientFor(config, namespace)
}

func clientFor(config *rest.Config, namespace string) (*client, error) {
	config = rest.CopyConfig(config)
	config.APIPath = "/apis"
	config.GroupVersion = &schema.GroupVersion{Group: api.Group, Version: api.Version}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	config.QPS = -1 // a person's pace needs no brake
	r, err := rest.RESTClientFor(config)
	return &client{rest: r, namespace: namespace}, err
}

func (c *client) get(ctx context.Context, resource, name string) (*api.Object, error) {
	raw, err := c.rest.Get().Namespace(c.namespace).Resource(resource).Name(name).DoRaw(ctx)
	return decodeObject(raw, withStatus(raw, err))
}

func (c *client) create(ctx context.Context, resource string, o *api.Object) (*api.Object, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	raw, err := c.rest.Post().NamespaceIfScoped(c.namespace, c.namespace != "").Resource(resource).Param("fieldManager", "pnctl").
		Body(body).SetHeader("Content-Type", "application/json").DoRaw(ctx)
	return decodeObject(raw, withStatus(raw, err))
}

func (c *client) patch(ctx context.Context, resource, name, merge string) (*api.Object, error) {
	raw, err := c.rest.Patch(types.MergePatchType).Namespace(c.namespace).Resource(resource).Name(name).
		Param("fieldManager", "pnctl").Body([]byte(merge)).DoRaw(ctx)
	return decodeObject(raw, withStatus(raw, err))
}

// watch tells deliver every state of the object after revision until deliver
// returns false (nil), the server ends the watch (nil), or it breaks.
func (c *client) watch(ctx context.Context, resource, name, revision string, deliver func(*api.Object) bool) error {
	stream, err := c.rest.Get().Namespace(c.namespace).Resource(resource).
		Param("watch", "true").Param("resourceVersion", revision).Param("fieldSelector", "metadata.name="+name).
		Stream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	lines := json.NewDecoder(stream)
	for {
		var line struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch line.Type {
		case "ERROR":
			return withStatus(line.Object, errors.New("the watch broke off"))
		case "DELETED":
			return fmt.Errorf("%s %q was deleted: %w", resource, name, api.ErrNotFound)
		case "BOOKMARK":
			continue
		}
		o, err := decodeObject(line.Object, nil)
		if err != nil || !deliver(o) {
			return err
		}
	}
}

// A logQuery says which part of a log to read.
type logQuery struct {
	Step       string
	Attempt    int
	Execution  string
	Offset     int64
	Follow     bool
	Tail       int // lines; negative is all
	Timestamps bool
}

func (c *client) log(ctx context.Context, resource, name string, q logQuery) (io.ReadCloser, error) {
	r := c.rest.Get().Namespace(c.namespace).Resource(resource).Name(name).SubResource("log")
	set := func(name, value string, given bool) {
		if given {
			r = r.Param(name, value)
		}
	}
	set("step", q.Step, q.Step != "")
	set("attempt", strconv.Itoa(q.Attempt), q.Attempt > 0)
	set("execution", q.Execution, q.Execution != "")
	set("offset", strconv.FormatInt(q.Offset, 10), q.Offset > 0)
	set("follow", "true", q.Follow)
	set("tailLines", strconv.Itoa(q.Tail), q.Tail >= 0)
	set("timestamps", "true", q.Timestamps)
	return r.SetHeader("Accept", "text/plain, application/json").Stream(ctx)
}

func (c *client) artifact(ctx context.Context, run, name string) (io.ReadCloser, error) {
	return c.rest.Get().Namespace(c.namespace).Resource(pipelineRuns).Name(run).
		SubResource("artifacts", name).SetHeader("Accept", "*/*").Stream(ctx)
}

func decodeObject(raw []byte, err error) (*api.Object, error) {
	if err != nil {
		return nil, err
	}
	o := &api.Object{}
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, fmt.Errorf("the answer is not an object: %w", err)
	}
	return o, nil
}

// withStatus is the Status that the server sent in the place of err, if it is one.
func withStatus(raw []byte, err error) error {
	if err == nil {
		return nil
	}
	var status metav1.Status
	if json.Unmarshal(raw, &status) == nil && status.Kind == "Status" && status.Status == metav1.StatusFailure {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return err
}

// permanent reports whether asking again can't help.
func permanent(err error) bool {
	return errors.Is(err, api.ErrNotFound) || apierrors.IsNotFound(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) ||
		apierrors.IsMethodNotSupported(err) || apierrors.IsNotAcceptable(err)
}
