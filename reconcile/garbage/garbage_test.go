package garbage_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

const (
	background = metav1.DeletePropagationBackground
	foreground = metav1.DeletePropagationForeground
	orphan     = metav1.DeletePropagationOrphan
)

func TestDependentsFollowTheirOwner(t *testing.T) {
	within(t, func(w *world) {
		owner := w.make("ConfigMap", "a/owner")
		child := w.make("Secret", "a/child", ref(owner, true))
		grandchild := w.make("ConfigMap", "a/grandchild", ref(child, false))
		stranger := w.make("Secret", "a/stranger")
		defer w.collect()()
		settle()
		w.are(true, owner, child, grandchild, stranger)
		before := w.revision()
		settle()
		if after := w.revision(); after != before {
			t.Errorf("written while there is nothing to collect: %d to %d", before, after)
		}
		w.delete(owner, background)
		settle()
		w.are(false, owner, child, grandchild)
		w.are(true, stranger)
	})
}

func TestWhatWasDeletedWhileNobodyCollected(t *testing.T) {
	within(t, func(w *world) {
		owner := w.make("Namespace", "owner")
		child := w.make("Secret", "a/child", ref(owner, true))
		w.delete(owner, background)
		again := w.make("Namespace", "owner") // of the same name
		other := w.make("Secret", "a/other", ref(again, true))
		defer w.collect()()
		settle()
		w.are(false, child)
		w.are(true, again, other)
	})
}

func TestAnObjectStaysWhileOneOwnerIsThere(t *testing.T) {
	within(t, func(w *world) {
		a, b := w.make("ConfigMap", "a/a"), w.make("ConfigMap", "a/b")
		child := w.make("Secret", "a/child", ref(a, true), ref(b, true))
		defer w.collect()()
		w.delete(a, background)
		settle()
		w.are(true, child)
		if got := w.get(child).OwnerReferences; len(got) != 1 || got[0].UID != b.UID {
			t.Errorf("owners: %+v", got)
		}
		w.delete(b, background)
		settle()
		w.are(false, child)
	})
}

func TestOwnersThatAreNone(t *testing.T) {
	within(t, func(w *world) {
		owner := w.make("ConfigMap", "a/owner")
		alias := ref(w.make("Secret", "a/s"), false)
		alias.APIVersion, alias.Kind = "test.io/v2", "Alias"
		name, kind, uid, strange := ref(owner, false), ref(owner, false), ref(owner, false), ref(owner, false)
		name.Name, kind.Kind, uid.UID = "another", "Secret", "another"
		strange.APIVersion, strange.UID = "nowhere.io/v1", "strange"
		gone := []*api.Object{
			w.make("Secret", "a/name", name), w.make("Secret", "a/kind", kind), w.make("Secret", "a/uid", uid),
			w.make("Secret", "b/namespace", ref(owner, false)),
		}
		kept := []*api.Object{
			w.make("Secret", "a/alias", alias), w.make("Secret", "a/strange", strange), w.make("Secret", "a/mixed", strange, uid),
			w.make("Namespace", "cluster", ref(owner, false)), w.make("Secret", "a/pillar", uid),
		}
		defer w.collect()()
		settle()
		w.are(false, gone...)
		w.are(true, kept...)
		said := strings.Join(w.notices, "\n")
		for _, want := range []string{
			`namespace OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: b, name: owner, uid: ` + string(owner.UID) + `] does not exist in namespace "b"`,
			`cluster OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: , name: owner`,
		} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in:\n%s", want, said)
			}
		}
		if len(w.notices) != 2 {
			t.Errorf("notices: %s", said)
		}
	})
}

func TestForegroundWaitsForThoseThatBlock(t *testing.T) {
	within(t, func(w *world) {
		owner := w.make("ConfigMap", "a/owner")
		blocking := w.update(w.make("Secret", "a/blocking", ref(owner, true)), hold)
		below := w.update(w.make("Secret", "a/below", ref(blocking, true)), hold)
		idle := w.update(w.make("Secret", "a/idle", ref(owner, false)), hold)
		shared := w.make("Secret", "a/shared", ref(owner, true), ref(w.make("ConfigMap", "a/other"), true))
		defer w.collect()()
		w.delete(owner, foreground)
		settle()
		w.are(true, owner, blocking, below, idle, shared)
		for _, obj := range []*api.Object{owner, blocking, below, idle} {
			if w.get(obj).DeletionTimestamp == nil {
				t.Errorf("%s is not being deleted", obj.Key())
			}
		}
		if refs(w.get(shared)) != 1 {
			t.Errorf("shared: %+v", w.get(shared).OwnerReferences)
		}
		late := w.make("Secret", "a/late", ref(owner, true))
		settle()
		w.are(false, late)
		w.update(blocking, func(o *api.Object) { o.Finalizers = o.Finalizers[1:] })
		settle()
		w.are(true, owner, blocking)
		w.update(below, letGo)
		settle()
		w.are(false, owner, blocking, below)
		w.are(true, idle, shared)
	})
}

func TestOwnersInACircle(t *testing.T) {
	for _, policy := range []metav1.DeletionPropagation{background, foreground} {
		within(t, func(w *world) {
			a := w.make("ConfigMap", "a/a")
			b := w.make("Secret", "a/b", ref(a, true))
			c := w.make("Secret", "a/c", ref(b, true))
			w.update(a, func(o *api.Object) { o.OwnerReferences = []metav1.OwnerReference{ref(c, true)} })
			defer w.collect()()
			settle()
			w.are(true, a, b, c)
			w.delete(a, policy)
			settle()
			w.are(false, a, b, c)
		})
	}
}

// Kubernetes waits for ever here.
func TestAllOfACircleInTheForeground(t *testing.T) {
	within(t, func(w *world) {
		self, a := w.make("ConfigMap", "a/self"), w.make("ConfigMap", "a/a")
		b := w.make("Secret", "a/b", ref(a, true))
		w.update(a, func(o *api.Object) { o.OwnerReferences = []metav1.OwnerReference{ref(b, true)} })
		w.update(self, func(o *api.Object) { o.OwnerReferences = []metav1.OwnerReference{ref(self, true)} })
		for _, obj := range []*api.Object{self, a, b} {
			w.delete(obj, foreground)
		}
		defer w.collect()()
		settle()
		w.are(false, self, a, b)
	})
}

func TestOrphansForgetTheirOwner(t *testing.T) {
	within(t, func(w *world) {
		owner := w.update(w.make("ConfigMap", "a/owner"), hold)
		child := w.make("Secret", "a/child", ref(owner, true))
		defer w.collect()()
		w.delete(owner, orphan)
		settle()
		if got := w.get(owner); len(got.Finalizers) != 1 || got.Finalizers[0] != "test.io/hold" {
			t.Errorf("finalizers: %v", got.Finalizers)
		}
		w.update(owner, letGo)
		settle()
		w.are(false, owner)
		w.are(true, child)
		if refs(w.get(child)) != 0 {
			t.Error("the orphan remembers")
		}
	})
}

func TestCustomKindsComeAndGo(t *testing.T) {
	within(t, func(w *world) {
		defer w.collect()()
		settle()
		crd := w.make(crds, "things.test.io")
		define := func(o *api.Object) {
			o.Spec = []byte(`{"group":"test.io","scope":"Namespaced","names":{"kind":"Thing","plural":"things"}}`)
		}
		for range 2 {
			w.update(crd, define)
			owner := w.make("Thing.test.io", "a/owner")
			child := w.make("Thing.test.io", "a/child", ref(owner, true))
			secret := w.make("Secret", "a/secret", ref(child, true))
			settle()
			w.delete(owner, foreground)
			settle()
			w.are(false, owner, child, secret)

			owner = w.make("Thing.test.io", "a/owner")
			secret = w.make("Secret", "a/secret", ref(owner, true))
			settle()
			w.delete(owner, background)
			w.delete(crd, background)
			settle()
			w.are(false, owner, secret)
			crd = w.make(crds, "things.test.io")
		}
	})
}

// A reference to a kind that is not served yet is judged when it is.
func TestAKindThatComesLater(t *testing.T) {
	within(t, func(w *world) {
		thing := w.make("Thing.test.io", "a/thing")
		dead := ref(thing, true)
		dead.UID = "dead"
		kept, gone := w.make("Secret", "a/kept", ref(thing, true)), w.make("Secret", "a/gone", dead)
		defer w.collect()()
		settle()
		w.are(true, kept, gone)
		w.update(w.make(crds, "things.test.io"), func(o *api.Object) {
			o.Spec = []byte(`{"group":"test.io","scope":"Namespaced","names":{"kind":"Thing","plural":"things"}}`)
		})
		settle()
		w.are(true, kept)
		w.are(false, gone)
	})
}
