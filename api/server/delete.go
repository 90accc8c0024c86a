package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// delete marks or removes one object. What remains while finalizers work is
// answered as the object, what is gone as a Status.
func (s *Server) delete(r *request) error {
	o, err := s.deleteOptions(r)
	if err != nil {
		return err
	}
	obj, err := s.remove(r, r.key(), o)
	if err != nil {
		return err
	}
	if len(obj.Finalizers) > 0 {
		return s.answer(r, http.StatusOK, obj)
	}
	body, err := json.Marshal(&metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusSuccess,
		Details:  &metav1.StatusDetails{Name: obj.Name, Group: r.kind.Group, Kind: r.kind.Plural, UID: obj.UID},
	})
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return respond(r.echo, form{media: mediaJSON}, http.StatusOK, body, []byte("\n"))
}

// deleteCollection deletes all that a list with the same query would show, and
// answers with the list.
func (s *Server) deleteCollection(r *request) error {
	lo, err := listOptions(r.query, false)
	if err != nil {
		return err
	}
	o, err := s.deleteOptions(r)
	if err != nil {
		return err
	}
	opts, err := s.storeOptions(r.Context(), r, lo)
	if err != nil {
		return err
	}
	page, err := s.page(r, opts)
	if err != nil {
		return err
	}
	deleted, err := s.removeAll(r, page.Items, o)
	if err != nil {
		return err
	}
	return s.sendList(r, r.listMeta(page), deleted)
}

// removeAll deletes objects, several at once, and returns those that it did, in order. What
// is gone already is left out; the first that may not be deleted ends it.
func (s *Server) removeAll(r *request, objects []*api.Object, o *metav1.DeleteOptions) ([]*api.Object, error) {
	deleted := make([]*api.Object, len(objects))
	var group errgroup.Group
	group.SetLimit(removeAtOnce)
	for i, obj := range objects {
		if err := s.mayDelete(r, obj.Key()); err != nil {
			_ = group.Wait() // those before it go all the same
			return nil, err
		}
		group.Go(func() (err error) {
			deleted[i], err = s.remove(r, obj.Key(), o)
			if errors.Is(err, api.ErrNotFound) { // someone else did
				err = nil
			}
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(deleted, func(obj *api.Object) bool { return obj == nil }), err
}

// removeAtOnce is how many objects of a collection are being deleted at a time.
const removeAtOnce = 16

// remove deletes what may be deleted.
func (s *Server) remove(r *request, key api.Key, o *metav1.DeleteOptions) (*api.Object, error) {
	if err := s.mayDelete(r, key); err != nil {
		return nil, err
	}
	if err := s.keepsDefinition(r, key); err != nil {
		return nil, err
	}
	return r.objects.Delete(r.Context(), key, preconditions(o), r.deleting(o)...)
}

func (s *Server) mayDelete(r *request, key api.Key) error {
	if s.cfg.MayDelete == nil {
		return nil
	}
	if err := s.cfg.MayDelete(key); err != nil {
		return mayNot(r.groupResource(), key.Name, err)
	}
	return nil
}

func preconditions(o *metav1.DeleteOptions) store.Preconditions {
	var pre store.Preconditions
	if o.Preconditions == nil {
		return pre
	}
	if o.Preconditions.UID != nil {
		pre.UID = string(*o.Preconditions.UID)
	}
	if o.Preconditions.ResourceVersion != nil {
		pre.ResourceVersion = *o.Preconditions.ResourceVersion
	}
	return pre
}

func (r *request) deleting(o *metav1.DeleteOptions) []store.WriteOption {
	policy := r.propagation(o)
	finalizers := store.Finalizers(func(have []string) []string { return api.Propagate(policy, have) })
	opts := []store.WriteOption{store.By(r.user.Name), finalizers}
	if len(o.DryRun) > 0 {
		opts = append(opts, store.DryRun())
	}
	return opts
}

// propagation is what the client wants to become of dependents; empty when it leaves that to
// the object. Events have none, and nobody who would wait for them.
func (r *request) propagation(o *metav1.DeleteOptions) metav1.DeletionPropagation {
	switch {
	case r.kind.Stored == kindEvent:
		return metav1.DeletePropagationBackground
	case o.PropagationPolicy != nil:
		return *o.PropagationPolicy
	}
	//lint:ignore SA1019 what a client says is heard, however old its words are
	switch orphan := o.OrphanDependents; {
	case orphan == nil:
		return ""
	case *orphan:
		return metav1.DeletePropagationOrphan
	}
	return metav1.DeletePropagationBackground
}

// deleteOptions come in the body, or in the query when there is none.
func (s *Server) deleteOptions(r *request) (*metav1.DeleteOptions, error) {
	body, err := readBody(r.echo, maxBody)
	if err != nil {
		return nil, err
	}
	o := &metav1.DeleteOptions{}
	switch {
	case len(body) == 0:
		err = queryDeleteOptions(r.query, o)
	case isProtobuf(body):
		if body, err = s.typed.json(body, schema.GroupVersionKind{Version: "v1", Kind: "DeleteOptions"}); err != nil {
			return nil, err
		}
		err = json.Unmarshal(body, o)
	case mediaType(r.http) == mediaYAML:
		if body, _, err = yamlJSON(body); err != nil {
			return nil, err
		}
		err = json.Unmarshal(body, o)
	case mediaType(r.http) != mediaJSON:
		return nil, unsupportedMedia(r.http, mediaJSON, mediaYAML, mediaProto)
	default:
		err = json.Unmarshal(body, o)
	}
	if err == nil && o.Kind != "" && o.Kind != "DeleteOptions" {
		err = fmt.Errorf("the body is a %s", o.Kind)
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("read DeleteOptions: %v", err))
	}
	if len(o.DryRun) == 0 {
		o.DryRun = r.query["dryRun"]
	}
	return o, invalidOptions("DeleteOptions", validation.ValidateDeleteOptions(o))
}

func queryDeleteOptions(q url.Values, o *metav1.DeleteOptions) error {
	if v := q.Get("propagationPolicy"); v != "" {
		policy := metav1.DeletionPropagation(v)
		o.PropagationPolicy = &policy
	}
	if v := q.Get("uid"); v != "" {
		uid := types.UID(v)
		o.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	if v := q.Get("orphanDependents"); v != "" {
		orphan, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("orphanDependents: %q is neither true nor false", v)
		}
		//lint:ignore SA1019 as in propagation
		o.OrphanDependents = &orphan
	}
	if v := q.Get("gracePeriodSeconds"); v != "" {
		seconds, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("gracePeriodSeconds: %q is not a number of seconds", v)
		}
		o.GracePeriodSeconds = &seconds
	}
	return nil
}
