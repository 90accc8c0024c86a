package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/api"
)

// queueOp is one thing that is done to a queue; what does not fit its state is left out.
type queueOp struct {
	what       string
	key, other int
	delay      time.Duration
}

func queueOps() *rapid.Generator[[]queueOp] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) queueOp {
		return queueOp{
			what:  rapid.SampledFrom([]string{"add", "add", "add", "take", "take", "take", "done", "done", "drop", "sleep"}).Draw(t, "what"),
			key:   rapid.IntRange(0, 11).Draw(t, "key"),
			other: rapid.IntRange(0, 5).Draw(t, "other"),
			delay: rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Second, slowAfter, time.Minute}).Draw(t, "delay"),
		}
	}), 50, 150)
}

// queueModel is what a queue of two places should be, as simply as can be said.
type queueModel struct {
	q    *queue
	keys []*modelKey
	flaw string
}

type modelKey struct {
	key     api.Key
	group   string
	asked   bool // for a pass
	due     time.Time
	running bool
	held    string // the group of the running pass
	began   time.Time
	slow    bool // the last pass was
	byPlace bool // the running pass began in a place
}

func (k *modelKey) waits() bool { return k.asked && !k.running && !k.due.After(time.Now()) }

// hasPlace reports whether the running pass still has its place.
func (k *modelKey) hasPlace() bool {
	return k.running && k.byPlace && time.Since(k.began) < slowAfter
}

func (m *queueModel) count(of func(*modelKey) bool) (n int) {
	for _, k := range m.keys {
		if of(k) {
			n++
		}
	}
	return n
}

// may reports whether a key can have a pass now.
func (m *queueModel) may(k *modelKey) bool {
	held := func(o *modelKey) bool { return o.running && k.group != "" && o.held == k.group }
	if !k.waits() || m.count(held) > 0 {
		return false
	}
	if !k.slow {
		return m.count((*modelKey).hasPlace) < 2
	}
	here := m.count(func(o *modelKey) bool {
		return o.running && !o.hasPlace() && o.key.Namespace == k.key.Namespace
	})
	return here == 0 || here < 2*slowPlaces-m.count(func(o *modelKey) bool { return o.running && !o.byPlace })
}

func (m *queueModel) do(op queueOp) {
	k := m.keys[op.key]
	switch op.what {
	case "add":
		due := time.Now().Add(op.delay)
		if !k.asked || due.Before(k.due) {
			k.asked, k.due = true, due
		}
		group := []string{"", "", "", "g1", "g2", fmt.Sprint("g", op.key%3)}[op.other]
		if k.waits() && k.group != group { // the last in the line of another group
			k.due = time.Now()
		}
		k.group = group
		m.q.add(k.key, k.group, op.delay)
	case "take":
		m.take()
	case "done":
		if k.running {
			m.q.done(k.key)
			k.running, k.slow = false, time.Since(k.began) >= slowAfter
			k.due = later(k.due, time.Now())
		}
	case "drop":
		m.q.drop(k.key)
		k.asked = false
		k.slow = k.slow && k.running
	case "sleep":
		time.Sleep(op.delay)
		synctest.Wait()
	}
	if want, got := m.count((*modelKey).waits), m.q.depth(); want != got {
		m.flaw = fmt.Sprintf("%+v: %d keys wait, not %d", op, got, want)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take takes the next key, if there is one, and judges the choice.
func (m *queueModel) take() {
	m.q.mu.Lock()
	it := m.q.next()
	if it != nil {
		m.q.begin(it)
	}
	m.q.mu.Unlock()
	if it == nil {
		m.judgeNone()
		return
	}
	k := m.keys[slices.IndexFunc(m.keys, func(k *modelKey) bool { return k.key == it.key })]
	if !m.may(k) {
		m.flaw = fmt.Sprintf("took %v, which may not have a pass", k.key)
	}
	for _, o := range m.keys {
		if o.group == "" && k.group == "" && m.may(o) && o.slow == k.slow && o.key.Namespace == k.key.Namespace && o.due.Before(k.due) {
			m.flaw = fmt.Sprintf("took %v before %v, which has waited for longer", k.key, o.key)
		}
	}
	k.asked, k.running, k.held, k.began, k.byPlace = false, true, k.group, time.Now(), !k.slow
}

// judgeNone: nothing was taken, so nothing could be. Of a group, which has one
// key in line, that holds if all of it could.
func (m *queueModel) judgeNone() {
	for _, k := range m.keys {
		blocked := func(o *modelKey) bool { return o.group == k.group && o.waits() && !m.may(o) }
		if m.may(k) && (k.group == "" || m.count(blocked) == 0) {
			m.flaw = fmt.Sprintf("%v could have had a pass, but nothing was taken", k.key)
		}
	}
}

func TestQueueDoesAsItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ops, flaw := queueOps().Draw(rt, "ops"), ""
		synctest.Test(t, func(t *testing.T) {
			m := &queueModel{q: newQueue(2)}
			for i := range 12 {
				m.keys = append(m.keys, &modelKey{key: key(fmt.Sprint("ns", i%3), fmt.Sprint("k", i))})
			}
			for i, op := range ops {
				if m.do(op); m.flaw != "" {
					flaw = fmt.Sprintf("after %d: %s", i, m.flaw)
					break
				}
			}
			m.q.close()
			for _, k := range m.keys {
				if k.running && flaw == "" {
					m.q.done(k.key)
				}
			}
		})
		if flaw != "" {
			rt.Fatal(flaw)
		}
	})
}
