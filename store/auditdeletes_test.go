package store_test

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

func TestDeletesInConsequenceAreRecordedOnceEach(t *testing.T) {
	kept := &memory.Store{}
	s := store.AuditDeletes(kept, func(key api.Key) bool { return key.Kind != "Event" }, func(by string, c store.Change) audit.Record {
		return audit.Record{User: by, Verb: "delete", Name: c.New.Name, UID: string(c.New.UID), Code: 200}
	})
	make := func(kind, name string, finalizers ...string) *api.Object {
		obj, err := s.Create(t.Context(), &api.Object{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}, ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: finalizers},
			Spec: json.RawMessage(`{}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		return obj
	}
	remove := func(obj *api.Object) *api.Object {
		last, err := s.Delete(t.Context(), obj.Key(), store.Preconditions{}, store.By("collector"))
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	remove(make("ConfigMap", "plain"))
	remove(make("Event", "noise"))
	marked := remove(make("ConfigMap", "held", "x"))
	remove(marked)
	free := marked.Clone()
	free.Finalizers = nil
	if _, err := s.Update(t.Context(), free, store.By("holder")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), marked.Key(), store.Preconditions{}); err == nil {
		t.Error("it is gone")
	}
	entries, err := kept.Audit().Records(t.Context(), audit.Query{Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.User+" "+e.Name)
	}
	if want := "[collector plain collector held holder held]"; len(got) != 3 || want != "["+got[0]+" "+got[1]+" "+got[2]+"]" {
		t.Errorf("records %v, want %s", got, want)
	}
}
