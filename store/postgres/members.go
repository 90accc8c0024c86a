package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var _ store.Members = (*Members)(nil)

// rosterChanged is the message that the rows of members or slots are not what they were.
const rosterChanged = "M"

// Members is a store.Members: rows of members and slots say who there is and who owns what, beats
// (pulse.go) who lives. Every change is one statement, so that a process that stalls in the
// middle of one holds no lock.
type Members struct {
	pool      *pgxpool.Pool
	channel   string
	log       *slog.Logger
	pulse     *pulse
	listening func() bool
}

// Join implements store.Members. It waits a little for the listener: without it nobody would
// hear the member, itself included.
func (m *Members) Join(ctx context.Context, name string) (store.Member, error) {
	if err := m.listened(ctx); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	w := &member{all: m, id: uuid.NewString()}
	m.pulse.add(w.id) // before the message that the listener learns of it by
	_, err := m.pool.Exec(ctx, `WITH made AS (INSERT INTO members (id, name) VALUES ($1, $2)) SELECT pg_notify($3, $4)`,
		w.id, name, m.channel, rosterChanged)
	if err != nil {
		m.pulse.remove(w.id)
		return nil, fmt.Errorf("join: %w", away(err))
	}
	return w, nil
}

var errDeaf = fmt.Errorf("the connection that listens for changes of other servers is down: %w", api.ErrUnavailable)

// listened waits until the listener is connected.
func (m *Members) listened(ctx context.Context) error {
	end := time.After(m.pulse.times.pauses)
	for {
		changed := m.pulse.bell.Next()
		if m.listening() {
			return nil
		}
		select {
		case <-changed:
		case <-end:
			return errDeaf
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Bury implements store.Members.
func (m *Members) Bury(ctx context.Context, id string) error {
	_, err := m.bury(ctx, []string{id})
	return err
}

// bury ends memberships, and tells how many there were. The slots are freed by the foreign key.
func (m *Members) bury(ctx context.Context, ids []string) (n int64, err error) {
	tag, err := m.pool.Exec(ctx, `WITH gone AS (DELETE FROM members WHERE id = ANY($1) RETURNING id) SELECT pg_notify($2, $3) FROM gone`,
		ids, m.channel, rosterChanged)
	if err != nil {
		return 0, fmt.Errorf("end the membership %v: %w", ids, away(err))
	}
	return tag.RowsAffected(), nil
}

// run buries who has been silent for too long, while there is a member here.
func (m *Members) run(ctx context.Context) {
	for wait(ctx, m.pulse.times.every/2) == nil {
		dead := m.pulse.dead(time.Now())
		if len(dead) == 0 {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, m.pulse.times.ends)
		n, err := m.bury(bounded, dead)
		cancel()
		if err == nil && n > 0 {
			m.log.Warn("a server was silent for too long: what it worked on goes to others", "members", dead)
		}
	}
}

// member is a store.Member.
type member struct {
	all *Members
	id  string
}

// ID implements store.Member.
func (w *member) ID() string { return w.id }

// Hearing implements store.Member.
func (w *member) Hearing() (heard bool, changed <-chan struct{}) {
	changed = w.all.pulse.bell.Next()
	return w.all.pulse.hearing(time.Now()), changed
}

// Roster implements store.Member.
func (w *member) Roster(ctx context.Context) (store.Roster, error) {
	var all []string
	var r store.Roster
	err := w.all.pool.QueryRow(ctx, `
		SELECT ARRAY(SELECT id FROM members), ARRAY(SELECT id FROM members WHERE NOT leaving ORDER BY id),
		       ARRAY(SELECT coalesce(owner, '') FROM slots ORDER BY slot)`).Scan(&all, &r.Members, &r.Owners)
	if err != nil {
		return r, fmt.Errorf("read the roster: %w", away(err))
	}
	w.all.pulse.note(all, time.Now())
	if !slices.Contains(all, w.id) {
		return r, w.gone("read the roster")
	}
	return r, nil
}

// Claim implements store.Member.
func (w *member) Claim(ctx context.Context, slots []int) error {
	return w.do(ctx, "claim slots", `UPDATE slots SET owner = me.id FROM me WHERE slot = ANY($4::int[]) AND owner IS NULL`, slots)
}

// Release implements store.Member.
func (w *member) Release(ctx context.Context, slots []int) error {
	return w.do(ctx, "release slots", `UPDATE slots SET owner = NULL FROM me WHERE slot = ANY($4::int[]) AND owner = me.id`, slots)
}

// Retire implements store.Member.
func (w *member) Retire(ctx context.Context) error {
	return w.do(ctx, "retire", `UPDATE members SET leaving = true FROM me WHERE members.id = me.id`)
}

// Leave implements store.Member.
func (w *member) Leave(ctx context.Context) error {
	err := w.do(ctx, "leave", `DELETE FROM members USING me WHERE members.id = me.id`)
	if err == nil {
		w.all.pulse.remove(w.id)
	}
	return err
}

// do makes a change that only a member can make, and tells all servers of it.
func (w *member) do(ctx context.Context, what, change string, args ...any) error {
	sql := `WITH me AS (SELECT id FROM members WHERE id = $1), done AS (` + change + `) SELECT pg_notify($2, $3) FROM me`
	tag, err := w.all.pool.Exec(ctx, sql, append([]any{w.id, w.all.channel, rosterChanged}, args...)...)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "23503" { // the row went away meanwhile
		return w.gone(what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, away(err))
	}
	if tag.RowsAffected() == 0 {
		return w.gone(what)
	}
	return nil
}

// gone is the error of a member that is none any more.
func (w *member) gone(what string) error {
	w.all.pulse.remove(w.id)
	return fmt.Errorf("%s as member %s: %w", what, w.id, store.ErrFenced)
}
