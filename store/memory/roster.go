package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/powernode/powernode/store"
)

var _ store.Members = (*Members)(nil)

// Members is a store.Members in memory, for the processes that a test plays on
// one Store. Nobody needs to beat here: a member is heard until Silence says otherwise.
type Members struct {
	Store *Store // whose writes are fenced; must be set

	mu     sync.Mutex
	bell   store.Bell
	alive  map[string]*member
	owners [store.Slots]string
}

// member is a store.Member.
type member struct {
	all     *Members
	id      string
	retired bool
	silent  bool // for so long that it knows
	silence []*time.Timer
}

// Join implements store.Members.
func (m *Members) Join(ctx context.Context, name string) (store.Member, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.bell.Ring()
	if m.alive == nil {
		m.alive = map[string]*member{}
	}
	made := &member{all: m, id: name + " " + uuid.NewString()}
	m.alive[made.id] = made
	m.Store.Join(made.id)
	return made, nil
}

// Bury implements store.Members.
func (m *Members) Bury(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("end the membership %s: %w", id, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(id)
	return nil
}

// end is the end of a membership; the caller holds mu.
func (m *Members) end(id string) {
	gone := m.alive[id]
	if gone == nil {
		return
	}
	gone.stopTimers()
	delete(m.alive, id)
	m.Store.Leave(id)
	for slot, owner := range m.owners {
		if owner == id {
			m.owners[slot] = ""
		}
	}
	m.bell.Ring()
}

// Silence has a member be heard no more, as one whose process is dead or stalled or whose connection is cut:
// after SilencePauses it knows, and after SilenceEnds it is none.
func (m *Members) Silence(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	who := m.alive[id]
	if who == nil || who.silence != nil {
		return
	}
	after := func(d time.Duration, f func()) *time.Timer {
		return time.AfterFunc(d, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.alive[id] == who && who.silence != nil {
				f()
			}
		})
	}
	who.silence = []*time.Timer{
		after(store.SilencePauses, func() { who.silent = true; m.bell.Ring() }),
		after(store.SilenceEnds, func() { m.end(id) }),
	}
}

// Hear ends a Silence that came to nothing.
func (m *Members) Hear(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if who := m.alive[id]; who != nil {
		who.stopTimers()
		who.silent = false
		m.bell.Ring()
	}
}

func (w *member) stopTimers() {
	for _, t := range w.silence {
		t.Stop()
	}
	w.silence = nil
}

// ID implements store.Member.
func (w *member) ID() string { return w.id }

// Hearing implements store.Member.
func (w *member) Hearing() (heard bool, changed <-chan struct{}) {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	return !w.silent, w.all.bell.Next()
}

// Roster implements store.Member.
func (w *member) Roster(ctx context.Context) (roster store.Roster, err error) {
	err = w.do(ctx, "read the roster", func() {
		for id, other := range w.all.alive {
			if !other.retired {
				roster.Members = append(roster.Members, id)
			}
		}
		slices.Sort(roster.Members)
		roster.Owners = slices.Clone(w.all.owners[:])
	})
	return roster, err
}

// Claim implements store.Member.
func (w *member) Claim(ctx context.Context, slots []int) error {
	return w.do(ctx, "claim slots", func() { w.all.hand(slots, "", w.id) })
}

// Release implements store.Member.
func (w *member) Release(ctx context.Context, slots []int) error {
	return w.do(ctx, "release slots", func() { w.all.hand(slots, w.id, "") })
}

// hand changes the owner of those of the slots that have a certain one; the caller holds mu.
func (m *Members) hand(slots []int, from, to string) {
	for _, slot := range slots {
		if m.owners[slot] == from {
			m.owners[slot] = to
			m.bell.Ring()
		}
	}
}

// Retire implements store.Member.
func (w *member) Retire(ctx context.Context) error {
	return w.do(ctx, "retire", func() { w.retired = true; w.all.bell.Ring() })
}

// Leave implements store.Member.
func (w *member) Leave(ctx context.Context) error {
	return w.do(ctx, "leave", func() { w.all.end(w.id) })
}

// do is something that only a member can.
func (w *member) do(ctx context.Context, what string, f func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	if w.all.alive[w.id] != w {
		return fmt.Errorf("%s as member %s: %w", what, w.id, store.ErrFenced)
	}
	f()
	return nil
}
