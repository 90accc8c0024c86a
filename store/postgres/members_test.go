package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

// brisk opens a store whose members are quickly taken for dead.
func brisk(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	return openWith(t, briskly(postgres.Config{DSN: dsn}))
}

func briskly(c postgres.Config) postgres.Config {
	return c.Pulse(50*time.Millisecond, 500*time.Millisecond, 3*time.Second)
}

func TestMembers(t *testing.T) {
	members(t, func(t *testing.T) postgres.Config { return postgres.Config{DSN: pgtest.DSN(t)} })
}

// members proves the rules of members on stores of a configuration.
func members(t *testing.T, config func(t *testing.T) postgres.Config) {
	storetest.Members(t, func(t *testing.T, rule func(*testing.T, storetest.MembersWorld)) {
		t.Parallel() // they mostly wait
		brisk := briskly(config(t))
		processes := map[string]*postgres.Store{}
		rule(t, storetest.MembersWorld{
			Process: func() (store.Store, store.Members) {
				s := openWith(t, brisk)
				return s, noting{s.Members(), s, processes}
			},
			Silence: func(m store.Member) { processes[m.ID()].Muffle(true) },
			Hear:    func(m store.Member) { processes[m.ID()].Muffle(false) },
		})
	})
}

// noting are the members of a process; it notes whose they are.
type noting struct {
	store.Members
	s    *postgres.Store
	whos map[string]*postgres.Store
}

func (n noting) Join(ctx context.Context, name string) (store.Member, error) {
	m, err := n.Members.Join(ctx, name)
	if err == nil {
		n.whos[m.ID()] = n.s
	}
	return m, err
}

// A restart of PostgreSQL buries nobody, however long it takes: nobody was heard meanwhile.
func TestARestartOfPostgresEndsNoMembership(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	dir := t.TempDir()
	server, err := postgres.StartPrivate(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	var members []store.Member
	for _, name := range []string{"one", "two"} {
		s := brisk(t, server.DSN())
		eventually(t, "the store listens", func() bool { return s.Ready(t.Context()) == nil })
		m, err := s.Members().Join(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "it hears itself", func() bool { heard, _ := m.Hearing(); return heard })
		members = append(members, m)
	}
	if err := members[0].Claim(t.Context(), []int{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they know that they are not heard", func() bool {
		one, _ := members[0].Hearing()
		two, _ := members[1].Hearing()
		return !one && !two
	})
	time.Sleep(4 * time.Second) // longer than a silence may be
	if server, err = postgres.StartPrivate(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		eventually(t, "they hear themselves again", func() bool { heard, _ := m.Hearing(); return heard })
		roster, err := m.Roster(t.Context())
		if err != nil || len(roster.Members) != 2 || roster.Owners[1] != members[0].ID() {
			t.Fatalf("members %v, slot 1 of %q; %v", roster.Members, roster.Owners[1], err)
		}
	}
}
