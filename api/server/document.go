package server

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/api"
)

// The bounds of the Warning headers of one answer: their number, and the bytes of each.
const (
	maxWarnings = 20
	maxWarning  = 256
)

// document is an object as a client sent it, or as its patch made it.
type document struct {
	fields map[string]any
	strict []string // fields that are there twice
	// owned tells that the document was applied: owners says whose its fields are.
	owned  bool
	owners []metav1.ManagedFieldsEntry
	// before are the fields of the live object, where they were read already.
	before map[string]any
}

func (r *request) gvk() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.kind.Group, Version: r.kind.Version, Kind: r.kind.Kind}
}

// document reads the body of a create or update.
func (s *Server) document(r *request) (document, error) {
	body, repeated, err := s.jsonBody(r.echo, r.gvk())
	if err != nil {
		return document{}, err
	}
	doc, err := r.decode(body)
	doc.strict = append(doc.strict, repeated...)
	return doc, err
}

func (r *request) decode(data []byte) (document, error) {
	fields, strict, err := r.kind.Decode(data)
	if err != nil {
		return document{}, apierrors.NewBadRequest(err.Error())
	}
	return document{fields: fields, strict: strict}, r.checkType(fields)
}

// checkType makes sure that the document is of the kind that the path names; one
// that does not say is taken to be.
func (r *request) checkType(doc map[string]any) error {
	for name, want := range map[string]string{"apiVersion": r.kind.APIVersion(), "kind": r.kind.Kind} {
		switch got, _ := doc[name].(string); {
		case doc[name] == nil:
			doc[name] = want
		case got != want:
			return apierrors.NewBadRequest(fmt.Sprintf("the %s in the data (%v) does not match the expected %s (%s)", name, doc[name], name, want))
		}
	}
	return nil
}

// object turns a document into the object to store: without unknown fields,
// complete, and valid by the schema. old is the live object, nil for a create, and before
// are the fields of it that the write is about.
func (r *request) object(doc document, old *api.Object) (obj *api.Object, before map[string]any, err error) {
	if meta, ok := doc.fields["metadata"].(map[string]any); ok {
		delete(meta, "selfLink")
	}
	if err := notCrowded(doc.fields); err != nil {
		return nil, nil, err
	}
	unknown := r.kind.Prune(doc.fields)
	if err := r.reportStrict(append(slices.Clone(doc.strict), unknown...)); err != nil {
		return nil, nil, err
	}
	complete(r.kind, doc.fields)
	r.kind.Default(doc.fields)
	if before = doc.before; before == nil {
		before, err = r.fieldsOf(old)
	}
	if err != nil {
		return nil, nil, err
	}
	whole := doc.fields
	if status, there := before["status"]; there && r.kind.StatusSubresource && r.target.subresource != "status" {
		whole = maps.Clone(doc.fields) // this write is not about the status, but rules may be about both
		whole["status"] = status
	}
	if problems := r.kind.Validate(whole, before); len(problems) > 0 {
		return nil, nil, apierrors.NewInvalid(r.groupKind(), nameOf(doc.fields), problems)
	}
	if r.kind.StatusSubresource && r.target.subresource != "status" {
		delete(before, "status") // as in the document
	}
	obj, err = toObject(doc.fields)
	return obj, before, err
}

// fieldsOf is a stored object as a document, without the account of whose its fields are.
func (r *request) fieldsOf(obj *api.Object) (map[string]any, error) {
	if obj == nil {
		return nil, nil
	}
	plain := obj.ObjectMeta
	plain.ManagedFields = nil
	metadata, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("encode the metadata of %s: %w", obj.Key(), err)
	}
	fields := make(map[string]any, len(obj.Rest)+5)
	fields["apiVersion"], fields["kind"] = obj.APIVersion, obj.Kind
	parts := maps.Clone(obj.Rest)
	if parts == nil {
		parts = map[string]json.RawMessage{}
	}
	parts["metadata"], parts["spec"], parts["status"] = metadata, obj.Spec, obj.Status
	for name, raw := range parts {
		if len(raw) == 0 {
			continue
		}
		var value any
		if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &value); err != nil {
			return nil, fmt.Errorf("decode %s of %s: %w", name, obj.Key(), err)
		}
		fields[name] = value
	}
	return fields, nil
}

// toObject is a document that was checked as an object.
func toObject(fields map[string]any) (*api.Object, error) {
	obj := &api.Object{}
	obj.APIVersion, _ = fields["apiVersion"].(string)
	obj.Kind, _ = fields["kind"].(string)
	for name, value := range fields {
		if name == "apiVersion" || name == "kind" {
			continue
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s: %v", name, err))
		}
		if err := obj.Set(name, raw); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	return obj, nil
}

func nameOf(doc map[string]any) string {
	meta, _ := doc["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	return name
}

// reportStrict refuses fields that are unknown or there twice, warns of them, or
// lets them pass, as the client wishes (fieldValidation).
func (r *request) reportStrict(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	switch r.query.Get("fieldValidation") {
	case metav1.FieldValidationIgnore:
	case metav1.FieldValidationStrict:
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: strict decoding error: %s",
			r.kind.Kind, r.kind.Version, r.kind.Kind, strings.Join(problems, ", ")))
	default:
		r.warn(problems)
	}
	return nil
}

func warn(h http.Header, warnings []string) {
	h.Del("Warning") // of an earlier try
	if len(warnings) > maxWarnings {
		warnings = append(slices.Clone(warnings[:maxWarnings]), fmt.Sprintf("and %d more", len(warnings)-maxWarnings))
	}
	for _, w := range warnings {
		if len(w) > maxWarning {
			w = strings.ToValidUTF8(w[:maxWarning], "") + "..."
		}
		h.Add("Warning", fmt.Sprintf("299 - %q", w))
	}
}

// admit runs what the schema can't say: metadata, then the rules of the kind. A
// write that leaves all but the metadata as it was, and so has not changed, is not asked again.
func (s *Server) admit(ctx context.Context, r *request, old, obj *api.Object, changed bool) error {
	problems := validateMeta(r.kind, old, obj)
	if changed {
		problems = append(problems, validateCore(r.kind, obj)...)
	}
	if len(problems) > 0 {
		return apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	if old == nil && r.custom.terminating {
		return refuseTerminating(r)
	}
	if err := s.admitCore(r, old, obj); err != nil {
		return err
	}
	if err := s.admitPolicy(ctx, r, old, obj); err != nil {
		return err
	}
	admission := s.cfg.Admission[r.kind.Key()]
	if admission == nil || !changed {
		return nil
	}
	problems = admission(ctx, api.AdmissionRequest{Old: old, New: obj, Objects: s.cfg.Store})
	if len(problems) > 0 {
		return apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	return nil
}

// sameContent reports whether two objects differ in nothing but metadata and status.
func sameContent(a, b *api.Object) bool {
	return api.SameJSON(a.Spec, b.Spec) && maps.EqualFunc(a.Rest, b.Rest, func(x, y json.RawMessage) bool { return api.SameJSON(x, y) })
}
