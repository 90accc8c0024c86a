package garbage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// model is what the objects should come to, by rules that know of no order and no time.
type model map[types.UID]*api.Object

// owner tells whether a reference holds its object; known is false when that can't be told.
func (m model) owner(obj *api.Object, r metav1.OwnerReference) (there, known bool) {
	namespaced := r.Kind != "Namespace"
	if r.Kind == "Strange" || namespaced && obj.Namespace == "" {
		return false, false
	}
	o := m[r.UID]
	return o != nil && o.Kind == r.Kind && o.Name == r.Name && (!namespaced || o.Namespace == obj.Namespace), true
}

func (m model) unknown(obj *api.Object) bool {
	return slices.ContainsFunc(obj.OwnerReferences, func(r metav1.OwnerReference) bool { _, known := m.owner(obj, r); return !known })
}

// settle applies the rules until none applies.
func (m model) settle() {
	for changed := true; changed; {
		changed = false
		for uid, obj := range m {
			if len(obj.OwnerReferences) == 0 || m.unknown(obj) {
				continue
			}
			held := slices.DeleteFunc(slices.Clone(obj.OwnerReferences), func(r metav1.OwnerReference) bool { there, _ := m.owner(obj, r); return !there })
			if len(held) == len(obj.OwnerReferences) {
				continue
			}
			changed = true
			if obj.OwnerReferences = held; len(held) == 0 {
				delete(m, uid)
			}
		}
	}
}

func (m model) delete(uid types.UID, policy metav1.DeletionPropagation) {
	delete(m, uid)
	if policy == orphan {
		for _, obj := range m {
			obj.OwnerReferences = slices.DeleteFunc(slices.Clone(obj.OwnerReferences), func(r metav1.OwnerReference) bool { return r.UID == uid })
		}
	}
	m.settle()
}

func (m model) String() string {
	var lines []string
	for _, obj := range m {
		lines = append(lines, describe(obj))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func describe(obj *api.Object) string {
	line := obj.Key().String()
	for _, r := range obj.OwnerReferences {
		line += fmt.Sprintf(" <- %s/%s %s", r.Kind, r.Name, r.UID)
	}
	if obj.DeletionTimestamp != nil || len(obj.Finalizers) > 0 {
		line += fmt.Sprint(" deleting ", obj.Finalizers)
	}
	return line
}

// mortal is a store on which a collector dies at a write, which happens or not: nothing it does counts after it.
type mortal struct {
	store.Store
	left    atomic.Int32
	happens bool
}

func (s *mortal) at(write func() (*api.Object, error)) (*api.Object, error) {
	left := s.left.Add(-1)
	if left > 0 {
		return write()
	}
	if left == 0 && s.happens {
		_, _ = write()
	}
	return nil, api.ErrUnknownOutcome
}

func (s *mortal) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.at(func() (*api.Object, error) { return s.Store.Update(ctx, obj, opts...) })
}

func (s *mortal) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return s.at(func() (*api.Object, error) { return s.Store.Delete(ctx, key, pre, opts...) })
}

// Whatever is owned by whom and deleted how, and however often collectors die over it, the same is left.
func TestAnyGraphAnyDeathsTheSameEnd(t *testing.T) {
	within(t, func(*world) {
		rapid.Check(t, func(r *rapid.T) {
			run := &world{T: t, store: &memory.Store{}}
			m := run.random(r)
			m.settle()
			for range rapid.IntRange(0, 5).Draw(r, "deletes") {
				run.deaths(r)
				run.compare(r, m)
				if uid, policy, ok := m.pick(r); ok {
					run.delete(m[uid], policy)
					m.delete(uid, policy)
				}
			}
			run.deaths(r)
			run.compare(r, m)
		})
	})
}

// random makes objects in two namespaces and outside, owned by each other and by what is not there.
func (w *world) random(r *rapid.T) model {
	w.Helper()
	names := []string{"a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "b/1", "b/2"}
	var all []*api.Object
	for _, name := range names {
		all = append(all, w.make(rapid.SampledFrom([]string{"ConfigMap", "Secret"}).Draw(r, "kind"), name))
	}
	all = append(all, w.make("Namespace", "1"), w.make("Namespace", "2"))
	m := model{}
	for _, obj := range all {
		for range rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3}).Draw(r, "owners") {
			obj = w.update(obj, func(o *api.Object) {
				to := ref(rapid.SampledFrom(all).Draw(r, "owner"), rapid.Bool().Draw(r, "blocks"))
				switch rapid.IntRange(0, 19).Draw(r, "flaw") {
				case 0:
					to.UID = "another"
				case 1:
					to.Name = "another"
				case 2:
					to.Kind = "Strange"
				}
				if !slices.ContainsFunc(o.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == to.UID }) {
					o.OwnerReferences = append(o.OwnerReferences, to)
				}
			})
		}
		m[obj.UID] = obj.Clone()
	}
	return m
}

// pick is an object to delete and how: not in the foreground where something that can't be judged would hold it up.
func (m model) pick(r *rapid.T) (types.UID, metav1.DeletionPropagation, bool) {
	var uids []types.UID
	odd := false
	for uid, obj := range m {
		uids = append(uids, uid)
		odd = odd || m.unknown(obj)
	}
	if len(uids) == 0 {
		return "", "", false
	}
	slices.SortFunc(uids, func(a, b types.UID) int { return strings.Compare(describe(m[a]), describe(m[b])) })
	policies := []metav1.DeletionPropagation{background, orphan, foreground}
	if odd {
		policies = policies[:2]
	}
	return rapid.SampledFrom(uids).Draw(r, "uid"), rapid.SampledFrom(policies).Draw(r, "policy"), true
}

// deaths runs collectors that die, then one that lives.
func (w *world) deaths(r *rapid.T) {
	for range rapid.IntRange(0, 3).Draw(r, "deaths") {
		s := &mortal{Store: w.store, happens: rapid.Bool().Draw(r, "happens")}
		s.left.Store(int32(rapid.IntRange(1, 4).Draw(r, "writes")))
		stop := w.collectOn(s)
		settle()
		stop()
	}
	stop := w.collect()
	settle()
	stop()
}

func (w *world) all() (all []*api.Object) {
	for _, kind := range []string{"ConfigMap", "Secret", "Namespace"} {
		list, err := w.store.List(context.Background(), kind, store.ListOptions{})
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, list.Items...)
	}
	return all
}

func (w *world) compare(r *rapid.T, want model) {
	got := model{}
	for _, obj := range w.all() {
		got[obj.UID] = obj
	}
	if got.String() != want.String() {
		r.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}
