package server

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smdtyped "sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/powernode/powernode/schemas"
)

// fieldManagers keep account of who set which fields of the objects of a kind, and merge
// what is applied. They are made when first asked for, from the schemas of all
// versions of the kind: an account may speak of fields as another version has them.
type fieldManagers struct {
	kind     *schemas.Kind
	versions []*schemas.Kind
	types    func() (managedfields.TypeConverter, error)
	object   func() (*managedfields.FieldManager, error)
	status   func() (*managedfields.FieldManager, error)
	scale    func() (*managedfields.FieldManager, error)
}

// newFieldManagers prepares the field managers of kind, which is served in these versions.
func newFieldManagers(kind *schemas.Kind, versions []*schemas.Kind) *fieldManagers {
	m := &fieldManagers{kind: kind, versions: versions}
	m.types = sync.OnceValues(func() (managedfields.TypeConverter, error) {
		definitions, err := schemas.Definitions(versions)
		if err != nil {
			return nil, err
		}
		return managedfields.NewTypeConverter(definitions, false)
	})
	m.object = sync.OnceValues(func() (*managedfields.FieldManager, error) { return m.manager("") })
	m.status = sync.OnceValues(func() (*managedfields.FieldManager, error) { return m.manager("status") })
	m.scale = sync.OnceValues(scaleManager)
	return m
}

// of is the field manager of the objects themselves, or of a part of them.
func (m *fieldManagers) of(subresource string) (*managedfields.FieldManager, error) {
	if subresource == "status" {
		return m.status()
	}
	return m.object()
}

func (m *fieldManagers) manager(subresource string) (*managedfields.FieldManager, error) {
	types, err := m.types()
	if err != nil {
		return nil, fmt.Errorf("read the schemas of %s for server-side apply: %w", m.kind.Key(), err)
	}
	gvk := schema.GroupVersionKind{Group: m.kind.Group, Version: m.kind.Version, Kind: m.kind.Kind}
	notOwned := map[fieldpath.APIVersion]fieldpath.Filter{
		fieldpath.APIVersion(m.kind.APIVersion()): fieldpath.NewExcludeSetFilter(m.resets(subresource)),
	}
	return managedfields.NewDefaultCRDFieldManager(trackedTypes{types}, sameForm{}, sameForm{}, sameForm{}, gvk, gvk.GroupVersion(), subresource, notOwned)
}

// resets are the fields that a write to the subresource can't set, and so nobody owns by it.
func (m *fieldManagers) resets(subresource string) *fieldpath.Set {
	set := fieldpath.NewSet()
	switch {
	case subresource == "status":
		for _, name := range slices.Sorted(maps.Keys(m.kind.Schema.Properties)) {
			if name != "status" {
				set.Insert(fieldpath.MakePathOrDie(name))
			}
		}
	case m.kind.StatusSubresource:
		set.Insert(fieldpath.MakePathOrDie("status"))
	}
	return set
}

// sameForm converts between the versions of a kind, which differ in nothing but their
// name; and neither completes nor knows anything, as documents are complete before and after.
type sameForm struct{}

var (
	_ runtime.ObjectConvertor = sameForm{}
	_ runtime.ObjectDefaulter = sameForm{}
	_ runtime.ObjectCreater   = sameForm{}
)

// Convert implements runtime.ObjectConvertor; the library does not call it.
func (sameForm) Convert(in, _, _ any) error { return fmt.Errorf("convert a %T: not supported", in) }

// ConvertFieldLabel implements runtime.ObjectConvertor.
func (sameForm) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// ConvertToVersion implements runtime.ObjectConvertor. The result shares all but its root with in.
func (sameForm) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	gvk := in.GetObjectKind().GroupVersionKind()
	version, ok := to.(schema.GroupVersion)
	if !ok {
		return nil, fmt.Errorf("convert %s: to %s: not supported", gvk, to.Identifier())
	}
	if version == gvk.GroupVersion() {
		return in, nil
	}
	out := &unstructured.Unstructured{Object: maps.Clone(documentOf(in))}
	out.SetGroupVersionKind(version.WithKind(gvk.Kind))
	return out, nil
}

// Default implements runtime.ObjectDefaulter.
func (sameForm) Default(runtime.Object) {}

// New implements runtime.ObjectCreater.
func (sameForm) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(gvk)
	return obj, nil
}

// accounted is a document that is merged, with the account of whose its fields are beside it: to have
// that in the document it would be turned into one each time it is set.
type accounted struct {
	*unstructured.Unstructured
	account []metav1.ManagedFieldsEntry
}

// GetManagedFields implements metav1.Object.
func (a *accounted) GetManagedFields() []metav1.ManagedFieldsEntry { return a.account }

// SetManagedFields implements metav1.Object.
func (a *accounted) SetManagedFields(account []metav1.ManagedFieldsEntry) { a.account = account }

// DeepCopyObject implements runtime.Object. Nobody changes the entries of an account.
func (a *accounted) DeepCopyObject() runtime.Object { return &accounted{a.DeepCopy(), a.account} }

// documentOf are the fields of any form in which the field managers see an object.
func documentOf(obj runtime.Object) map[string]any {
	switch o := obj.(type) {
	case *tracked:
		return o.fields
	case *accounted:
		return o.Object
	case *unstructured.Unstructured:
		return o.Object
	}
	return nil
}

// trackedTypes reads those forms, and gives what is merged a place for its account.
type trackedTypes struct{ managedfields.TypeConverter }

// ObjectToTyped implements managedfields.TypeConverter.
func (t trackedTypes) ObjectToTyped(obj runtime.Object, opts ...smdtyped.ValidationOptions) (*smdtyped.TypedValue, error) {
	return t.TypeConverter.ObjectToTyped(&unstructured.Unstructured{Object: documentOf(obj)}, opts...)
}

// TypedToObject implements managedfields.TypeConverter.
func (t trackedTypes) TypedToObject(value *smdtyped.TypedValue) (runtime.Object, error) {
	obj, err := t.TypeConverter.TypedToObject(value)
	if doc, ok := obj.(*unstructured.Unstructured); ok && err == nil {
		return &accounted{Unstructured: doc}, nil
	}
	return obj, err
}
