package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/powernode/powernode/api/identity"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
)

// racing is a store where somebody else acts right after the first read of the keys.
type racing struct {
	store.Store
	then func()
}

func (r *racing) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	list, err := r.Store.List(ctx, kind, opts)
	if then := r.then; kind == identity.SigningKey && then != nil {
		r.then = nil
		then()
	}
	return list, err
}

// Both find that a new key is due; the one that comes second signs with the key of the first.
func TestTheSecondServerTakesTheKeyOfTheFirst(t *testing.T) {
	s := startServers(t)
	account := s.create(v1.ServiceAccount, "robot")
	for keys := 1; keys <= 2; keys++ { // the first key of all, and the one after it
		s.b.Store = &racing{Store: s.objects, then: func() { s.issue(s.a, identity.AccountToken{Account: account}) }}
		token, _ := s.issue(s.b, identity.AccountToken{Account: account})
		s.good(token, true, "made by the second server")
		if got := len(s.stored()); got != keys {
			t.Errorf("%d keys, want %d", got, keys)
		}
		s.clock = s.clock.Add(identity.DefaultRotation + time.Hour)
	}
}
