package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	var deleted []*api.Object
	for _, obj := range page.Items {
		gone, err := s.remove(r, obj.Key(), o)
		switch {
		case errors.Is(err, api.ErrNotFound): // someone else did
		case err != nil:
			return err
		default:
			deleted = append(deleted, gone)
		}
	}
	return s.sendList(r, metav1.ListMeta{ResourceVersion: page.Revision.String()}, deleted)
}

// remove deletes what may be deleted.
func (s *Server) remove(r *request, key api.Key, o *metav1.DeleteOptions) (*api.Object, error) {
	if s.cfg.MayDelete != nil {
		if err := s.cfg.MayDelete(key); err != nil {
			return nil, mayNot(r.groupResource(), key.Name, err)
		}
	}
	return r.objects.Delete(r.Context(), key, preconditions(o), r.deleting(o)...)
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
	opts := []store.WriteOption{store.By(r.user.Name)}
	if len(o.DryRun) > 0 {
		opts = append(opts, store.DryRun())
	}
	return opts
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
	case mediaType(r.http) != mediaJSON:
		return nil, unsupportedMedia(mediaJSON, mediaProto)
	default:
		err = json.Unmarshal(body, o)
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
	v := q.Get("gracePeriodSeconds")
	if v == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 {
		return fmt.Errorf("gracePeriodSeconds: %q is not a number of seconds", v)
	}
	o.GracePeriodSeconds = &seconds
	return nil
}
