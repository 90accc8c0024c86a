package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// BenchmarkUpdate measures updates of 1 KiB objects, an object for each client, beside
// the yardstick: a single-row UPDATE of the same size on a connection for each client.
// Once they have no audit record, once one with both states of the object; once they are fenced, and once
// they go through a pooler, where each batch is planned anew.
// Compare those of one run, at the same number of clients.
func BenchmarkUpdate(b *testing.B) {
	for _, clients := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprintf("raw/%d", clients), func(b *testing.B) { rawUpdates(b, clients) })
		b.Run(fmt.Sprintf("store/%d", clients), func(b *testing.B) { storeUpdates(b, open(b, pgtest.DSN(b)), clients) })
		b.Run(fmt.Sprintf("audited/%d", clients), func(b *testing.B) { storeUpdates(b, open(b, pgtest.DSN(b)), clients, store.Audited(fullRecord)) })
		b.Run(fmt.Sprintf("fenced/%d", clients), func(b *testing.B) {
			s := open(b, pgtest.DSN(b))
			join(b, s.DSN(), "m1")
			storeUpdates(b, s, clients, store.Fenced("m1"))
		})
		b.Run(fmt.Sprintf("pooled/%d", clients), func(b *testing.B) { storeUpdates(b, openPooled(b), clients) })
	}
}

// share has each client do its part of b.N.
func share(b *testing.B, clients int, do func(ctx context.Context, client, n int) error) {
	var group sync.WaitGroup
	b.ResetTimer()
	for c := range clients {
		group.Go(func() {
			for n := c; n < b.N; n += clients {
				if err := do(b.Context(), c, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

func payload(n int) string { return fmt.Sprintf("%08d%s", n, strings.Repeat("x", 900)) }

func rawUpdates(b *testing.B, clients int) {
	dsn := pgtest.DSN(b)
	pgtest.Exec(b, dsn, `CREATE TABLE raw (id int PRIMARY KEY, data text) WITH (fillfactor = 70)`)
	conns := make([]*pgx.Conn, clients)
	for c := range conns {
		pgtest.Exec(b, dsn, `INSERT INTO raw VALUES ($1, $2)`, c, payload(0))
		conn, err := pgx.Connect(b.Context(), dsn)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close(context.Background())
		conns[c] = conn
	}
	share(b, clients, func(ctx context.Context, c, n int) error {
		_, err := conns[c].Exec(ctx, `UPDATE raw SET data = $2 WHERE id = $1`, c, payload(n))
		return err
	})
}

// fullRecord is a record as the API makes it.
func fullRecord(c store.Change) audit.Record {
	before, _ := json.Marshal(c.Old)
	after, _ := json.Marshal(c.New)
	return audit.Record{
		At: time.Now(), RequestID: "0f7a4ae6-3d2f-4be1-a2c4-2f9b5b1f9d10", User: "ann@example.com", Groups: []string{"dev", "system:authenticated"},
		SourceIP: "10.1.2.3", UserAgent: "pnctl/1.0", Verb: "update", Group: api.Group, Version: api.Version, Resource: "pipelines", Subresource: "status",
		Namespace: "default", Name: c.New.Name, UID: string(c.New.UID), Code: 200, Old: before, New: after,
	}
}

func storeUpdates(b *testing.B, s *postgres.Store, clients int, opts ...store.WriteOption) {
	objects := make([]*api.Object, clients)
	for c := range objects {
		objects[c] = must(b)(s.Create(b.Context(), object(fmt.Sprint("o", c))))
	}
	share(b, clients, func(ctx context.Context, c, n int) error {
		o := objects[c].Clone()
		o.Status = json.RawMessage(`{"text":"` + payload(n) + `"}`)
		written, err := s.UpdateStatus(ctx, o, opts...)
		objects[c] = written
		return err
	})
}
