package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// cutOff is a store that can't be asked for a while. Its watches stay quiet then.
type cutOff struct {
	store.Store
	cut atomic.Bool
}

func (c *cutOff) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	if c.cut.Load() {
		return store.List{}, errors.New("the wire is cut")
	}
	return c.Store.List(ctx, kind, opts)
}

// The last known policy holds for a minute without the store, and not for two.
func TestThePolicyIsNotUsedForLongWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		objects := &cutOff{Store: &memory.Store{}}
		if err := SeedRoles(t.Context(), objects); err != nil {
			t.Fatal(err)
		}
		p := newPolicy(objects, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.run(ctx); close(done) }()
		may := func() error {
			policy, err := p.now(ctx)
			if err == nil && !policy.Allows(&rbac.Attributes{User: rbac.User{Groups: []string{Runners}}, Verb: "post", Path: "/runner/v1/lease"}).Allowed {
				t.Error("a runner may not lease")
			}
			return err
		}
		if err := may(); err != nil {
			t.Errorf("at the start: %v", err)
		}
		time.Sleep(time.Hour)
		if err := may(); err != nil {
			t.Errorf("after a quiet hour: %v", err)
		}
		objects.cut.Store(true)
		time.Sleep(staleAfter - 2*confirmEvery)
		if err := may(); err != nil {
			t.Errorf("soon after the cut: %v", err)
		}
		time.Sleep(staleAfter)
		if err := may(); !apierrors.IsServiceUnavailable(err) {
			t.Errorf("long after the cut: %v", err)
		}
		objects.cut.Store(false)
		time.Sleep(2 * confirmEvery)
		if err := may(); err != nil {
			t.Errorf("after it: %v", err)
		}
		cancel()
		<-done
	})
}

func TestWithoutRunNobodyIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(&memory.Store{}, slog.New(slog.DiscardHandler))
		if _, err := p.now(t.Context()); !apierrors.IsServiceUnavailable(err) {
			t.Errorf("got %v", err)
		}
	})
}
