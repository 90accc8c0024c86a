package server

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/powernode/powernode/api"
)

// tracked is an object as the field managers see it: its metadata with the account that is
// kept so far, and those of its fields that matter, which do not have the account in them.
type tracked struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	fields map[string]any
}

var _ runtime.Object = (*tracked)(nil)

// DeepCopyObject implements runtime.Object.
func (t *tracked) DeepCopyObject() runtime.Object {
	c := &tracked{TypeMeta: t.TypeMeta, fields: runtime.DeepCopyJSON(t.fields)}
	t.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	return c
}

// trackedObject is obj, nil for one that is not there yet, with fields, which get to say what it is.
func (r *request) trackedObject(obj *api.Object, fields map[string]any) *tracked {
	t := &tracked{TypeMeta: metav1.TypeMeta{APIVersion: r.kind.APIVersion(), Kind: r.kind.Kind}, fields: fields}
	t.fields["apiVersion"], t.fields["kind"] = t.APIVersion, t.Kind
	if obj != nil {
		t.UID, t.ManagedFields = obj.UID, obj.ManagedFields
	}
	return t
}

// track writes into obj, which is about to take the place of live, whose fields are whose
// after this write. before are the fields of live; they and those of the document may lack
// what the write is not about. An account that can't be kept stays as it was: no write fails for it.
func (s *Server) track(r *request, live, obj *api.Object, before map[string]any, doc document) error {
	if doc.owned {
		obj.ManagedFields = doc.owners
		return nil
	}
	was, is := differing(before, withoutAccount(doc.fields))
	if live != nil && obj.ManagedFields == nil && len(was)+len(is) == 0 {
		obj.ManagedFields = live.ManagedFields // as it would come out
		return nil
	}
	if live != nil && (obj.ManagedFields == nil || slices.EqualFunc(live.ManagedFields, obj.ManagedFields, equalEntry)) {
		if account, ok := s.sameOwners(r, live.ManagedFields, was, is); ok {
			obj.ManagedFields = account
			return nil
		}
	}
	manager, err := r.fields.of(r.target.subresource)
	if err != nil {
		return err
	}
	done, err := manager.Update(r.trackedObject(live, was), r.trackedObject(obj, is), r.manager())
	if t, ok := done.(*tracked); err == nil && ok {
		obj.ManagedFields = t.ManagedFields
		return nil
	}
	s.cfg.Log.Warn("the owners of fields were not updated", "kind", r.kind.Key(), "namespace", obj.Namespace, "name", obj.Name)
	obj.ManagedFields = nil
	if live != nil {
		obj.ManagedFields = live.ManagedFields
	}
	return nil
}

// manager is who the write's fields belong to.
func (r *request) manager() string {
	if name := r.query.Get("fieldManager"); name != "" {
		return name
	}
	return managerOf(r.http)
}

// managerOf is the client's name: its User-Agent up to the first slash.
func managerOf(r *http.Request) string {
	name, _, _ := strings.Cut(r.UserAgent(), "/")
	var b strings.Builder
	for _, c := range name {
		if !unicode.IsPrint(c) {
			continue
		}
		if b.Len()+utf8.RuneLen(c) > validation.FieldManagerMaxLength {
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}

// withoutAccount removes the account of the fields itself from a document, in place.
func withoutAccount(fields map[string]any) map[string]any {
	if meta, ok := fields["metadata"].(map[string]any); ok {
		delete(meta, "managedFields")
	}
	return fields
}

// keepTimes gives obj the account of live when it says the same at another time, and
// nothing else differs: otherwise each write that changes nothing would be a change.
func keepTimes(live, obj *api.Object) {
	if live == nil || !slices.EqualFunc(live.ManagedFields, obj.ManagedFields, sameEntry) {
		return
	}
	if !sameContent(live, obj) || !api.SameJSON(live.Status, obj.Status) {
		return
	}
	was, is := live.ObjectMeta, obj.ObjectMeta
	was.ManagedFields, is.ManagedFields = nil, nil
	if equality.Semantic.DeepEqual(was, is) {
		obj.ManagedFields = live.ManagedFields
	}
}

func equalEntry(a, b metav1.ManagedFieldsEntry) bool { return a.Time.Equal(b.Time) && sameEntry(a, b) }

// sameEntry leaves the time out.
func sameEntry(a, b metav1.ManagedFieldsEntry) bool {
	fieldsA, fieldsB := a.FieldsV1, b.FieldsV1
	a.Time, b.Time, a.FieldsV1, b.FieldsV1 = nil, nil, nil, nil
	if a != b || (fieldsA == nil) != (fieldsB == nil) {
		return false
	}
	return fieldsA == nil || api.SameJSON(fieldsA.GetRawBytes(), fieldsB.GetRawBytes())
}
