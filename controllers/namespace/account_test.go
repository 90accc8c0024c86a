package namespace_test

import (
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/namespace"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const account = "team/" + namespace.Account

// The ServiceAccount of a namespace is made where it is missing, and is left alone where it is there.
func TestANamespaceHasItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		first := w.Object(v1.ServiceAccount, account)
		w.NoWrites(func() { w.Advance(24 * time.Hour) })
		w.NoWrites(func() {
			changed := reconciletest.Object(v1.ServiceAccount, account, nil)
			changed.Labels = map[string]string{"mine": "yes"}
			w.Apply(changed)
			w.Apply(reconciletest.Object(v1.ServiceAccount, "team/robot", nil))
			w.Hint(v1.Namespace, "team")
			w.Advance(24 * time.Hour)
		})
		expect(t, "label", w.Object(v1.ServiceAccount, account).Labels["mine"], "yes")
		w.NoWrites(func() { w.Restart(); w.Advance(24 * time.Hour) })
		w.Delete(v1.ServiceAccount, account)
		expect(t, "another one is there", w.Exists(v1.ServiceAccount, account), true)
		expect(t, "it is the one before", w.Object(v1.ServiceAccount, account).UID == first.UID, false)
		w.NoWrites(func() { w.Advance(24 * time.Hour) })
	})
}

// An account that is not made again while the namespace goes does not keep it.
func TestANamespaceThatGoesTakesItsAccountAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.Settle(t, []reconcile.Kind{namespace.Kind([]string{v1.ServiceAccount})}, reconciletest.Object(v1.Namespace, "team", nil))
		expect(t, "the account is there", w.Exists(v1.ServiceAccount, account), true)
		w.Delete(v1.Namespace, "team")
		w.Advance(time.Minute)
		expect(t, "the account is there", w.Exists(v1.ServiceAccount, account), false)
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "team"), false)
	})
}
