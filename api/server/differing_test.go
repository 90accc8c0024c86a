package server

import (
	"cmp"
	"encoding/json"
	"math/rand"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/powernode/powernode/schemas"
)

// The owners of fields come out of what differs as they come out of the whole documents, for
// every form that a field has, over many writes by several managers.
func TestWhatDiffersIsAccountedForAsTheWhole(t *testing.T) {
	raw, err := os.ReadFile("testdata/fleets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schemas.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := newFieldManagers(kind, []*schemas.Kind{kind}).of("")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(1))
	r := &request{kind: kind, http: httptest.NewRequest("PUT", "/", nil)}
	tracked := func(fields map[string]any, account []metav1.ManagedFieldsEntry) *tracked {
		c := r.trackedObject(nil, fields)
		if c.ManagedFields = account; account != nil {
			c.UID = "u"
		}
		return c
	}
	s := &Server{fieldSets: fieldSets{budget: 1000}}
	before, longest, told := map[string]any{}, 0, 0
	var account []metav1.ManagedFieldsEntry
	for n := range 1000 {
		after := runtime.DeepCopyJSON(before)
		after["spec"] = changedSpec(random, after["spec"])
		name := []string{"ann", "bob", "cleo", ""}[random.Intn(4)]
		if random.Intn(8) == 0 && account != nil {
			account = appliedAlso(account, before)
		}
		whole, err := manager.Update(tracked(runtime.DeepCopyJSON(before), account), tracked(runtime.DeepCopyJSON(after), nil), name)
		if err != nil {
			t.Fatal(err)
		}
		was, is := differing(before, after)
		r.query = url.Values{"fieldManager": {name}}
		same, ok := s.sameOwners(r, account, was, is)
		part, err := manager.Update(tracked(was, account), tracked(is, nil), name)
		if err != nil {
			t.Fatal(err)
		}
		want := accountOf(t, ownersOf(t, whole))
		if got := accountOf(t, ownersOf(t, part)); want != got {
			t.Fatalf("write %d by %s: %v\nto %v\nis %s\nnot %s", n, name, before, after, got, want)
		}
		if ok {
			told++
			if got := accountOf(t, same); want != got {
				t.Fatalf("write %d by %s: %v\nto %v\nis told to be %s\nnot %s", n, name, before, after, got, want)
			}
		}
		before, account = after, ownersOf(t, whole)
		longest = max(longest, len(account))
	}
	if longest < 3 || told < 50 {
		t.Errorf("never more than %d managers owned fields, and %d accounts were told without them", longest, told)
	}
}

// appliedAlso is an account by which somebody has applied the fields of the spec too.
func appliedAlso(account []metav1.ManagedFieldsEntry, fields map[string]any) []metav1.ManagedFieldsEntry {
	owned := map[string]any{}
	if spec, ok := fields["spec"].(map[string]any); ok {
		for name := range spec {
			owned["f:"+name] = map[string]any{}
		}
	}
	raw, _ := json.Marshal(map[string]any{"f:spec": owned})
	account = slices.DeleteFunc(slices.Clone(account), func(e metav1.ManagedFieldsEntry) bool { return e.Operation == metav1.ManagedFieldsOperationApply })
	return append(account, metav1.ManagedFieldsEntry{
		Manager: "applier", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "test.powernode.io/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)),
	})
}

func ownersOf(t *testing.T, obj runtime.Object) []metav1.ManagedFieldsEntry {
	t.Helper()
	tracked, ok := obj.(*tracked)
	if !ok {
		t.Fatalf("a %T is no tracked object", obj)
	}
	return tracked.ManagedFields
}

// accountOf is an account as text, without its times.
func accountOf(t *testing.T, entries []metav1.ManagedFieldsEntry) string {
	t.Helper()
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Time = nil
	}
	slices.SortFunc(entries, func(a, b metav1.ManagedFieldsEntry) int { return cmp.Compare(a.Manager, b.Manager) })
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// changedSpec is the spec of a fleet with one field set, changed or removed.
func changedSpec(random *rand.Rand, spec any) any {
	fields, _ := spec.(map[string]any)
	if fields == nil {
		fields = map[string]any{}
	}
	words := func() (list []any) {
		for _, word := range []string{"a", "b", "c", "d"} {
			if random.Intn(2) == 0 {
				list = append(list, word)
			}
		}
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list
	}
	ports := func() (list []any) {
		for n := range 4 {
			if random.Intn(3) > 0 {
				list = append(list, map[string]any{"number": int64(n), "protocol": "TCP", "name": []any{"x", "y"}[random.Intn(2)]})
			}
		}
		if random.Intn(4) == 0 {
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		return list
	}
	choices := []func() (string, any){
		func() (string, any) { return "ships", int64(random.Intn(3)) },
		func() (string, any) { return "flags", words() },
		func() (string, any) { return "route", words() },
		func() (string, any) { return "ports", ports() },
		func() (string, any) { return "ports", ports() },
		func() (string, any) {
			return "home", map[string]any{"harbour": "h", "berth": int64(random.Intn(2))}
		},
		func() (string, any) { return "size", []any{int64(1), "one", int64(2)}[random.Intn(3)] },
		func() (string, any) {
			return "extra", map[string]any{"a": map[string]any{"b": words(), "c": int64(random.Intn(2))}, "d": random.Intn(2) == 0}
		},
		func() (string, any) {
			return "extra", []any{map[string]any{}, map[string]any{"a": map[string]any{}}, map[string]any{"a": "text"}}[random.Intn(3)]
		},
	}
	name, value := choices[random.Intn(len(choices))]()
	if random.Intn(6) == 0 {
		delete(fields, name)
		return fields
	}
	if list, ok := value.([]any); ok && list == nil {
		value = []any{}
	}
	fields[name] = value
	return fields
}
