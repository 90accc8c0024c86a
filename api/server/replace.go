package server

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// errStale: the client named a resourceVersion that is no longer the live one.
var errStale = fmt.Errorf("stale: %w", api.ErrConflict)

func (d document) clone() document {
	d.fields = runtime.DeepCopyJSON(d.fields)
	return d
}

// replace stores what a client wants the live object, or its status, to be.
func (s *Server) replace(ctx context.Context, r *request, live *api.Object, doc document) (*api.Object, error) {
	if err := r.sameObject(live, doc.fields); err != nil {
		return nil, err
	}
	if r.target.subresource == "status" {
		return s.replaceStatus(ctx, r, live, doc)
	}
	if r.kind.StatusSubresource {
		delete(doc.fields, "status")
	}
	obj, before, err := r.object(doc, live)
	if err != nil {
		return nil, err
	}
	if err := r.place(obj); err != nil {
		return nil, err
	}
	if problems := keptMeta(live, obj); len(problems) > 0 {
		return nil, apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	if size(obj) > maxBody {
		return nil, fmt.Errorf("the object: %w: the limit is %d bytes", errTooLarge, maxBody)
	}
	obj.ResourceVersion, obj.UID, obj.Generation = live.ResourceVersion, live.UID, live.Generation
	obj.Status = live.Status
	obj.CreationTimestamp = live.CreationTimestamp
	obj.DeletionTimestamp, obj.DeletionGracePeriodSeconds = live.DeletionTimestamp, live.DeletionGracePeriodSeconds
	if err := s.track(r, live, obj, before, doc); err != nil {
		return nil, err
	}
	changed := !sameFields(before, doc.fields)
	if !changed {
		obj.Spec, obj.Rest = live.Spec, live.Rest // so that nobody compares them again
	}
	if err := s.admit(ctx, r, live, obj, changed); err != nil {
		return nil, err
	}
	if !changed || s.cfg.Admission[r.kind.Key()] != nil {
		keepTimes(live, obj)
	}
	return r.objects.Update(ctx, obj, r.writing()...)
}

// size is about how many bytes the content of an object has.
func size(obj *api.Object) int {
	n := len(obj.Spec) + len(obj.Status)
	for name, raw := range obj.Rest {
		n += len(name) + len(raw)
	}
	return n
}

// sameObject checks that the document still speaks of the live object, in the
// state that the client knows, when it says which.
func (r *request) sameObject(live *api.Object, doc map[string]any) error {
	meta, ok := doc["metadata"].(map[string]any)
	if !ok && doc["metadata"] != nil {
		return nil // of a wrong type: the schema tells
	}
	if version, _ := meta["resourceVersion"].(string); version != "" && version != live.ResourceVersion {
		return errStale
	}
	if name, _ := meta["name"].(string); name != live.Name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, live.Name))
	}
	uid, _ := meta["uid"].(string)
	switch {
	case uid == "" || uid == string(live.UID):
		return nil
	case r.verb == "patch":
		return apierrors.NewInvalid(r.groupKind(), live.Name, field.ErrorList{
			field.Invalid(field.NewPath("metadata", "uid"), uid, "field is immutable"),
		})
	}
	return apierrors.NewConflict(r.groupResource(), live.Name,
		fmt.Errorf("precondition failed: UID in precondition: %s, UID in object meta: %s", uid, live.UID))
}

// replaceStatus takes nothing but the status out of the document.
func (s *Server) replaceStatus(ctx context.Context, r *request, live *api.Object, doc document) (*api.Object, error) {
	if doc.before == nil {
		var err error
		if doc.before, err = r.fieldsOf(live); err != nil {
			return nil, err
		}
	}
	wanted := runtime.DeepCopyJSON(doc.before)
	delete(wanted, "status")
	if status, ok := doc.fields["status"]; ok {
		wanted["status"] = status
	}
	doc.fields = wanted
	obj, before, err := r.object(doc, live)
	if err != nil {
		return nil, err
	}
	updated := live.Clone()
	updated.Status, updated.ManagedFields = obj.Status, nil // the account is kept below
	if err := s.admitDefinition(r, live, updated); err != nil {
		return nil, err
	}
	if err := s.track(r, live, updated, before, doc); err != nil {
		return nil, err
	}
	keepTimes(live, updated)
	return r.objects.UpdateStatus(ctx, updated, append(r.writing(), store.WithManagedFields())...)
}
