package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// One leads at a time; when its connection breaks it is told to end, and somebody leads again.
func TestOneLeadsAtATime(t *testing.T) {
	dsn := pgtest.DSN(t)
	stores := []*postgres.Store{open(t, dsn), open(t, dsn)}
	ctx, cancel := context.WithCancel(t.Context())
	leading := make(chan *postgres.Store)
	leaders := make(chan struct{}, 1)
	ended := make(chan error, len(stores))
	for _, s := range stores {
		go func() {
			ended <- s.Exclusive(ctx, "controllers", func(ctx context.Context) error {
				select {
				case leaders <- struct{}{}:
				default:
					t.Error("two lead")
				}
				select {
				case leading <- s:
					<-ctx.Done()
				case <-ctx.Done():
				}
				<-leaders
				return ctx.Err()
			})
		}()
	}
	for range 3 {
		if n := kill(t, <-leading, "lock"); n == 0 {
			t.Fatal("the leader has no connection")
		}
	}
	<-leading
	cancel()
	for range stores {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	own := errors.New("done")
	if err := stores[0].Exclusive(t.Context(), "other", func(context.Context) error { return own }); !errors.Is(err, own) {
		t.Fatal(err)
	}
}
