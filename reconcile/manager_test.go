package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store/memory"
)

// running starts m; end ends its context and waits, and returns how long that took.
func running(t *testing.T, m *reconcile.Manager) (end func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	synctest.Wait()
	return func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return time.Since(began)
	}
}

func apply(t *testing.T, s *memory.Store, objs ...*api.Object) {
	t.Helper()
	for _, obj := range objs {
		if _, err := s.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

func TestRunWaitsForARunningPassAndStoresItsStatus(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
				t.Error("the pass was ended")
			}
			return reconcile.Done, nil
		}}
		s := &memory.Store{}
		end := running(t, &reconcile.Manager{Store: s, Kinds: widgets(f), Workers: 1})
		apply(t, s, newWidget("default/a", 7), newWidget("default/b", 7))
		equal(t, "time to end", end(), 5*time.Second)
		a, _ := s.Get(context.Background(), reconciletest.Key(widget, "default/a"))
		b, _ := s.Get(context.Background(), reconciletest.Key(widget, "default/b"))
		equal(t, "the running one is stored", strings.Contains(string(a.Status), `"size":7`), true)
		equal(t, "the next one was not begun", string(b.Status), "")
	})
}

func TestRunEndsAPassThatOutlastsTheGracePeriod(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			<-ctx.Done()
			return reconcile.Result{}, ctx.Err()
		}}
		s := &memory.Store{}
		end := running(t, &reconcile.Manager{Store: s, Kinds: widgets(f), Grace: 3 * time.Second})
		apply(t, s, newWidget("default/a", 7))
		equal(t, "time to end", end(), 3*time.Second)
		a, _ := s.Get(context.Background(), reconciletest.Key(widget, "default/a"))
		equal(t, "status: the interruption is not the object's fault", string(a.Status), "")
	})
}

func TestASlowKindHoldsUpNoOther(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		slow := reconcile.For("Slow.example.org", funcs{reconcile: func(ctx context.Context, _ *object) (reconcile.Result, error) {
			time.Sleep(time.Minute)
			return reconcile.Done, nil
		}})
		var objs []*api.Object
		for i := range 100 {
			objs = append(objs, reconciletest.Object("Slow.example.org", fmt.Sprintf("default/s%d", i), nil))
		}
		w := reconciletest.Settle(t, append(widgets(funcs{}), slow), append(objs, newWidget("default/a", 1))...)
		equal(t, "the other kind", w.Ready(widget, "default/a"), "True Reconciled")
	})
}

func TestAFullNamespaceHoldsUpNoOther(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			time.Sleep(time.Second)
			return reconcile.Done, nil
		}}
		var objs []*api.Object
		for i := range 1000 {
			objs = append(objs, newWidget(fmt.Sprintf("full/w%d", i), 1))
		}
		w := reconciletest.Settle(t, widgets(f), append(objs, newWidget("small/a", 1))...)
		w.Advance(2 * time.Second)
		equal(t, "the small namespace", w.Ready(widget, "small/a"), "True Reconciled")
	})
}

func TestASourceOfHintsThatFailsIsStartedAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes, starts counter
		source := func(ctx context.Context, hint func(api.Key)) error {
			if starts.add() < 3 {
				return errors.New("stream lost")
			}
			hint(reconciletest.Key(widget, "default/a"))
			hint(reconciletest.Key("Unknown", "default/a"))
			<-ctx.Done()
			return ctx.Err()
		}
		w := reconciletest.Settle(t, widgets(counting(&passes), reconcile.Hints(source)), newWidget("default/a", 1))
		equal(t, "passes", passes.n(), 1)
		w.Advance(3 * time.Second)
		equal(t, "starts", starts.n(), 3)
		equal(t, "passes after the hint", passes.n(), 2)
	})
}

func TestReadySaysWhichKindIsMissing(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		m := &reconcile.Manager{Store: &memory.Store{}, Kinds: widgets(funcs{})}
		equal(t, "synced before Run", m.Synced(), false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := m.Ready(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), widget) {
			t.Errorf("got %v", err)
		}
		defer running(t, m)()
		equal(t, "synced", m.Synced(), true)
		if err := m.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAHintBeforeRunIsHarmless(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		s := &memory.Store{}
		apply(t, s, newWidget("default/a", 1))
		m := &reconcile.Manager{Store: s, Kinds: widgets(counting(&passes))}
		m.Hint(reconciletest.Key(widget, "default/a"))
		defer running(t, m)()
		equal(t, "passes", passes.n(), 1)
	})
}

func TestMetricsCountPassesByKindAndResult(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			switch obj.Name {
			case "waiting":
				return reconcile.Wait("for you")
			case "error":
				return reconcile.Result{}, errors.New("e")
			case "permanent":
				return reconcile.Result{}, reconcile.Permanent(errors.New("e"))
			case "panic":
				panic("p")
			case "slow":
				time.Sleep(time.Second)
			}
			return reconcile.Done, nil
		}}
		s, registry := &memory.Store{}, prometheus.NewRegistry()
		end := running(t, &reconcile.Manager{Store: s, Kinds: widgets(f), Registerer: registry, Workers: 1})
		apply(t, s, newWidget("x/done", 1), newWidget("x/waiting", 1), newWidget("x/error", 1),
			newWidget("x/permanent", 1), newWidget("x/panic", 1), newWidget("x/slow", 1), newWidget("x/later", 1))
		want := `
# HELP powernode_reconcile_queue_depth Objects that are due and wait for a worker.
# TYPE powernode_reconcile_queue_depth gauge
powernode_reconcile_queue_depth{kind="Widget.example.org"} 1
# HELP powernode_reconcile_total Passes of controllers by kind and result.
# TYPE powernode_reconcile_total counter
powernode_reconcile_total{kind="Widget.example.org",result="done"} 1
powernode_reconcile_total{kind="Widget.example.org",result="error"} 1
powernode_reconcile_total{kind="Widget.example.org",result="panic"} 1
powernode_reconcile_total{kind="Widget.example.org",result="permanent"} 1
powernode_reconcile_total{kind="Widget.example.org",result="waiting"} 1
`
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
			"powernode_reconcile_total", "powernode_reconcile_queue_depth"); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"powernode_reconcile_duration_seconds", "powernode_reconcile_queue_seconds"} {
			if n, err := testutil.GatherAndCount(registry, name); err != nil || n != 1 {
				t.Errorf("%s: %d series, %v", name, n, err)
			}
		}
		end()
		if n, err := testutil.GatherAndCount(registry); err != nil || n != 0 {
			t.Errorf("after the end: %d series, %v", n, err)
		}
	})
}
