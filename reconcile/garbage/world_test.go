package garbage_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/garbage"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

const crds = "CustomResourceDefinition.apiextensions.k8s.io"

var kinds = []garbage.Kind{
	{Name: "ConfigMap", Namespaced: true},
	{Name: "Secret", Namespaced: true},
	{Name: "Namespace"},
	{Name: "Alias.test.io", Stored: "Secret", Namespaced: true},
}

// world is a store, in fake time, and what a collector says.
type world struct {
	*testing.T
	store store.Store

	mu      sync.Mutex
	notices []string
}

// within runs a test in fake time.
func within(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(&world{T: t, store: &memory.Store{}}) })
}

// collect runs a collector until stop is called.
func (w *world) collect() (stop func()) {
	return w.collectOn(w.store)
}

func (w *world) collectOn(s store.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	c := &garbage.Collector{Store: s, Kinds: kinds, MayDelete: mayDelete, Notify: w.notify}
	go func() { done <- c.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
}

func mayDelete(key api.Key) error {
	if key.Name == "pillar" {
		return api.ErrForbidden
	}
	return nil
}

func (w *world) notify(about *api.Object, n reconcile.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices = append(w.notices, fmt.Sprintf("%s %s %s", about.Name, n.Reason, n.Message))
}

// settle lets all that is due be done.
func settle() {
	synctest.Wait()
	time.Sleep(5 * time.Minute)
	synctest.Wait()
}

// make creates an object with owners.
func (w *world) make(kind, name string, owners ...metav1.OwnerReference) *api.Object {
	w.Helper()
	obj := reconciletest.Object(kind, name, nil)
	obj.OwnerReferences = owners
	made, err := w.store.Create(w.Context(), obj)
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// update writes a changed object.
func (w *world) update(obj *api.Object, change func(*api.Object)) *api.Object {
	w.Helper()
	next := w.get(obj).Clone()
	change(next)
	made, err := w.store.Update(w.Context(), next)
	if err != nil {
		w.Fatal(err)
	}
	return made
}

func (w *world) get(obj *api.Object) *api.Object {
	w.Helper()
	live, err := w.store.Get(w.Context(), obj.Key())
	if err != nil {
		w.Fatal(err)
	}
	return live
}

func (w *world) there(obj *api.Object) bool {
	live, err := w.store.Get(w.Context(), obj.Key())
	return err == nil && live.UID == obj.UID
}

// are checks which objects are there.
func (w *world) are(want bool, objects ...*api.Object) {
	w.Helper()
	for _, obj := range objects {
		if w.there(obj) != want {
			w.Errorf("%s is there: %v, want %v", obj.Key(), !want, want)
		}
	}
}

// delete does what the API does.
func (w *world) delete(obj *api.Object, policy metav1.DeletionPropagation) {
	w.Helper()
	finalizers := store.Finalizers(func(have []string) []string { return api.Propagate(policy, have) })
	if _, err := w.store.Delete(w.Context(), obj.Key(), store.Preconditions{}, finalizers); err != nil {
		w.Fatal(err)
	}
}

func (w *world) revision() store.Revision {
	w.Helper()
	r, err := w.store.Revision(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func ref(owner *api.Object, block bool) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: &block}
}

func hold(o *api.Object)     { o.Finalizers = append(o.Finalizers, "test.io/hold") }
func letGo(o *api.Object)    { o.Finalizers = nil }
func refs(o *api.Object) int { return len(o.OwnerReferences) }
