package store_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var now = time.Date(2026, 5, 4, 3, 2, 1, 999, time.FixedZone("east", 3600))

func live(t *testing.T) *api.Object {
	t.Helper()
	c, err := store.Create(nil, object("a", "x"), "uid", now)
	if err != nil {
		t.Fatal(err)
	}
	return c.At(7).New
}

func TestCreateTruncatesTimeToTheSecond(t *testing.T) {
	o := live(t)
	if !o.CreationTimestamp.Time.Equal(now.Truncate(time.Second)) || o.CreationTimestamp.Location() != time.UTC {
		t.Fatalf("created at %v", o.CreationTimestamp)
	}
	// So it is the same after a way through JSON.
	data, err := json.Marshal(o)
	var back api.Object
	if err != nil || json.Unmarshal(data, &back) != nil || !back.CreationTimestamp.Equal(&o.CreationTimestamp) {
		t.Fatalf("%s, %v", data, err)
	}
}

// What an update comes to, by what is different in it.
func TestUpdate(t *testing.T) {
	cases := map[string]struct {
		change     func(o *api.Object)
		generation int64 // 0: nothing changes
		version    bool
	}{
		"nothing":                  {func(*api.Object) {}, 0, false},
		"white space":              {func(o *api.Object) { o.Spec = json.RawMessage(" { } ") }, 0, false},
		"an empty map for none":    {func(o *api.Object) { o.Annotations = map[string]string{} }, 0, false},
		"the status":               {func(o *api.Object) { o.Status = json.RawMessage(`{"a":1}`) }, 0, false},
		"a label":                  {func(o *api.Object) { o.Labels["app"] = "y" }, 1, false},
		"an owner":                 {func(o *api.Object) { o.OwnerReferences = []metav1.OwnerReference{{Name: "o"}} }, 1, false},
		"the spec":                 {func(o *api.Object) { o.Spec = json.RawMessage(`{"n":1}`) }, 2, true},
		"a field of its own":       {func(o *api.Object) { o.Rest = map[string]json.RawMessage{"data": json.RawMessage(`{}`)} }, 2, true},
		"the spec, to none":        {func(o *api.Object) { o.Spec = nil }, 2, false},
		"the time it was made at":  {func(o *api.Object) { o.CreationTimestamp = metav1.Now() }, 0, false},
		"a mark that it has not":   {func(o *api.Object) { at := metav1.Now(); o.DeletionTimestamp = &at }, 0, false},
		"the generation":           {func(o *api.Object) { o.Generation = 12 }, 0, false},
		"the version of its group": {func(o *api.Object) { o.APIVersion = api.Group + "/v2" }, 1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			old := live(t)
			o := old.Clone()
			c.change(o)
			got, err := store.Update(old, o)
			if err != nil {
				t.Fatal(err)
			}
			if (got.Type == "") != (c.generation == 0) || c.generation != 0 && got.New.Generation != c.generation || got.Version != c.version {
				t.Fatalf("%s, generation %d, version %v", got.Type, got.New.Generation, got.Version)
			}
			if got.Type == "" && got.New != old {
				t.Fatal("a write that changes nothing returns another object")
			}
			if old.ResourceVersion != "7" || old.Generation != 1 {
				t.Fatal("the live object was changed")
			}
		})
	}
}

// Removing the last finalizer removes only what is marked.
func TestTheLastFinalizer(t *testing.T) {
	old := live(t)
	old.Finalizers = []string{"a", "b"}
	marked, err := store.Delete(old, old.Key(), store.Preconditions{}, now)
	if err != nil || marked.Type != store.Modified || marked.New.Generation != 2 || marked.Version {
		t.Fatalf("%+v, %v", marked, err)
	}
	state := marked.At(8).New
	for _, step := range []struct {
		left []string
		want store.EventType
	}{{[]string{"b"}, store.Modified}, {nil, store.Deleted}} {
		o := state.Clone()
		o.Finalizers = step.left
		got, err := store.Update(state, o)
		if err != nil || got.Type != step.want {
			t.Fatalf("left with %v: %s, %v", step.left, got.Type, err)
		}
		state = got.At(9).New
	}
}

func TestNothingIsWrittenWithoutNameOrKind(t *testing.T) {
	for _, change := range []func(o *api.Object){
		func(o *api.Object) { o.Name = "" },
		func(o *api.Object) { o.Kind = "" },
		func(o *api.Object) { o.Status = json.RawMessage(`{`) },
		func(o *api.Object) { o.Rest = map[string]json.RawMessage{"data": nil} },
	} {
		o := object("a", "x")
		change(o)
		if _, err := store.Create(nil, o, "uid", now); !errors.Is(err, api.ErrInvalid) {
			t.Fatalf("created %+v: %v", o, err)
		}
	}
}

// The managed fields of a status write count where they are asked for, and nowhere else.
func TestAStatusWriteTakesManagedFieldsWhenToldTo(t *testing.T) {
	old := live(t)
	old.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "ann"}}
	for _, c := range []struct {
		manager, status string
		told            bool
		want            store.EventType
		manages         string
	}{
		{"bob", `{"a":1}`, false, store.Modified, "ann"},
		{"bob", `{"a":1}`, true, store.Modified, "bob"},
		{"bob", ``, true, store.Modified, "bob"},
		{"bob", ``, false, "", "ann"},
		{"ann", ``, true, "", "ann"},
		{"", ``, true, store.Modified, ""},
	} {
		o := old.Clone()
		o.Status, o.ManagedFields = json.RawMessage(c.status), nil
		if c.manager != "" {
			o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: c.manager}}
		}
		var opts []store.WriteOption
		if c.told {
			opts = append(opts, store.WithManagedFields())
		}
		got, err := store.UpdateStatus(old, o, opts...)
		if err != nil || got.Type != c.want {
			t.Fatalf("%+v: %s, %v", c, got.Type, err)
		}
		manages := ""
		for _, f := range got.New.ManagedFields {
			manages += f.Manager
		}
		if manages != c.manages || got.Type == "" && got.New != old {
			t.Fatalf("%+v: managed by %q", c, manages)
		}
	}
}

// An update keeps managedFields as they are given, and they alone are a change.
func TestAnUpdateTakesManagedFields(t *testing.T) {
	old := live(t)
	o := old.Clone()
	at := metav1.NewTime(now)
	o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "ann", Operation: "Apply", Time: &at, Subresource: "status",
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
	got, err := store.Update(old, o)
	if err != nil || got.Type != store.Modified || got.New.Generation != 1 || got.Version || len(got.New.ManagedFields) != 1 ||
		got.New.ManagedFields[0].Subresource != "status" || got.New.ManagedFields[0].FieldsV1.GetRawString() != `{"f:spec":{}}` {
		t.Fatalf("%+v, %v", got.New, err)
	}
	again, err := store.Update(got.At(8).New, got.New.Clone())
	if err != nil || again.Type != "" {
		t.Fatalf("the same again: %s, %v", again.Type, err)
	}
}
