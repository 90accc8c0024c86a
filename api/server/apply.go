package server

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// apply makes an object have the fields that a manager wants, and gives up those that it
// wanted before and does not any more: server-side apply. What is not there is created.
func (s *Server) apply(r *request, body []byte, force bool) error {
	wanted, err := r.applied(body)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		stored, err := s.retry(r.Context(), r, func(live *api.Object) (document, error) { return s.merged(r, live, wanted, force) })
		code := http.StatusOK
		if errors.Is(err, api.ErrNotFound) && r.target.subresource == "" {
			stored, err = s.createApplied(r, wanted, force)
			code = http.StatusCreated
		}
		if errors.Is(err, api.ErrExists) && try < writeTries {
			continue // someone else was faster
		}
		if err != nil {
			return err
		}
		return s.answer(r, code, stored)
	}
}

// applied reads the document of an apply, which must say what it is.
func (r *request) applied(body []byte) (document, error) {
	data, repeated, err := yamlJSON(body)
	if err != nil {
		return document{}, err
	}
	fields, strict, err := r.kind.Decode(data)
	if err != nil {
		return document{}, apierrors.NewBadRequest(err.Error())
	}
	if fields["apiVersion"] == nil || fields["kind"] == nil {
		return document{}, apierrors.NewBadRequest(fmt.Sprintf("what is applied must say its apiVersion (%s) and kind (%s)", r.kind.APIVersion(), r.kind.Kind))
	}
	if err := r.checkType(fields); err != nil {
		return document{}, err
	}
	if err := notCrowded(fields); err != nil {
		return document{}, err
	}
	if meta, ok := fields["metadata"].(map[string]any); ok {
		if _, there := meta["managedFields"]; there {
			return document{}, apierrors.NewBadRequest("metadata.managedFields must be nil")
		}
	}
	doc := document{fields: fields, strict: append(strict, repeated...)}
	doc.strict = append(doc.strict, r.kind.Prune(fields)...)
	complete(r.kind, fields)
	return doc, nil
}

// merged is the live object with what is applied, and the account of it.
func (s *Server) merged(r *request, live *api.Object, wanted document, force bool) (document, error) {
	present := &accounted{Unstructured: &unstructured.Unstructured{Object: map[string]any{"apiVersion": r.kind.APIVersion(), "kind": r.kind.Kind}}}
	if live != nil {
		fields, err := r.fieldsOf(live)
		if err != nil {
			return document{}, err
		}
		present.Object = fields
		if managedfields.ValidateManagedFields(live.ManagedFields) == nil {
			present.account = live.ManagedFields
		}
	}
	manager, err := r.fields.of(r.target.subresource)
	if err != nil {
		return document{}, err
	}
	result, err := manager.Apply(present, &unstructured.Unstructured{Object: runtime.DeepCopyJSON(wanted.fields)}, r.query.Get("fieldManager"), force)
	if err != nil {
		return document{}, r.refuseApply(wanted, err)
	}
	object, ok := result.(*accounted)
	if !ok {
		return document{}, fmt.Errorf("apply to %s: the result is a %T", r.key(), result)
	}
	return document{fields: object.Object, strict: wanted.strict, owned: true, owners: object.account}, nil
}

// refuseApply says what is wrong with a document that can't be merged: most often its form.
func (r *request) refuseApply(wanted document, err error) error {
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		return err
	}
	complete := runtime.DeepCopyJSON(wanted.fields)
	r.kind.Default(complete) // keys of lists have defaults too
	var wrong field.ErrorList
	for _, p := range r.kind.Validate(complete, nil) {
		if p.Type == field.ErrorTypeTypeInvalid || p.Type == field.ErrorTypeDuplicate {
			wrong = append(wrong, p)
		}
	}
	if len(wrong) > 0 {
		return apierrors.NewInvalid(r.groupKind(), r.target.name, wrong)
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%s %q can't be applied: its form is not that of a %s", r.kind.Kind, r.target.name, r.kind.Kind))
}

// createApplied makes the object that is not there yet.
func (s *Server) createApplied(r *request, wanted document, force bool) (*api.Object, error) {
	if err := s.alsoNeeds(r, "create"); err != nil {
		return nil, err
	}
	doc, err := s.merged(r, nil, wanted, force)
	if err != nil {
		return nil, err
	}
	meta, _ := doc.fields["metadata"].(map[string]any)
	if name, _ := meta["name"].(string); name != r.target.name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, r.target.name))
	}
	if uid, _ := meta["uid"].(string); uid != "" {
		return nil, apierrors.NewConflict(r.groupResource(), r.target.name,
			fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid))
	}
	if version, _ := meta["resourceVersion"].(string); version != "" {
		return nil, apierrors.NewNotFound(r.groupResource(), r.target.name)
	}
	return s.createObject(r, doc)
}
