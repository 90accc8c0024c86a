package reconciletest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
)

// Key names an object by its qualified kind and "namespace/name", or "name" alone outside namespaces.
func Key(kind, name string) api.Key {
	namespace, rest, found := strings.Cut(name, "/")
	if !found {
		return api.Key{Kind: kind, Name: name}
	}
	return api.Key{Kind: kind, Namespace: namespace, Name: rest}
}

// Object makes an object of a kind (see api.Key) in version v1, named as in Key.
// spec is anything that encodes to JSON, and may be nil.
func Object(kind, name string, spec any) *api.Object {
	key := Key(kind, name)
	plain, group, _ := strings.Cut(kind, ".")
	obj := &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: metav1.GroupVersion{Group: group, Version: "v1"}.String(), Kind: plain},
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
	}
	if spec != nil {
		raw, err := json.Marshal(spec)
		if err != nil {
			panic(fmt.Sprintf("the spec of %s does not encode: %v", key, err))
		}
		obj.Spec = raw
	}
	return obj
}

// YAML reads objects as a person writes them, separated by lines of "---".
func YAML(t *testing.T, documents string) []*api.Object {
	t.Helper()
	var objs []*api.Object
	for _, document := range strings.Split(documents, "\n---") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		obj := &api.Object{}
		if err := yaml.Unmarshal([]byte(document), obj); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		objs = append(objs, obj)
	}
	return objs
}

// Get reads an object with its types; a missing one ends the test.
func Get[S, O any](w *World, kind, name string) *reconcile.Object[S, O] {
	w.t.Helper()
	obj, err := reconcile.Decode[S, O](w.Object(kind, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// Object reads an object; a missing one ends the test.
func (w *World) Object(kind, name string) *api.Object {
	w.t.Helper()
	obj, err := w.Store.Get(w.t.Context(), Key(kind, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// Exists reports whether there is such an object.
func (w *World) Exists(kind, name string) bool {
	_, err := w.Store.Get(w.t.Context(), Key(kind, name))
	return err == nil
}

// Condition reads a condition of an object; the zero value when it has none of the type.
func (w *World) Condition(kind, name, conditionType string) metav1.Condition {
	w.t.Helper()
	status := Get[struct{}, api.CommonStatus](w, kind, name).Status
	if c := meta.FindStatusCondition(status.Conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// Ready is an object's Ready condition as "True Reconciled", or "False Waiting: for what".
func (w *World) Ready(kind, name string) string {
	w.t.Helper()
	c := w.Condition(kind, name, api.Ready)
	if c.Message == "" {
		return fmt.Sprintf("%s %s", c.Status, c.Reason)
	}
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
}

// List reads all objects of a kind, by namespace and name.
func (w *World) List(kind string) []*api.Object {
	w.t.Helper()
	list, err := w.Store.List(w.t.Context(), kind, store.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}
