package examples

import (
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/examples/chaos"
)

// Controllers on several servers: whoever is killed, frozen, cut off or stopped is replaced,
// nothing is worked on by two at a time, and all that was wished comes true.
func TestUnderFaultsControllersTakeOver(t *testing.T) {
	seed, length := chaosSeed(t), chaosTime(t)
	w := startShared(t, 4)
	w.settles("all hosts are connected", 0)
	w.owners()

	// In the middle of their work one dies, one stands still, and one hears nothing any more: the
	// last one does it all.
	w.atWork(0, 12*time.Second, 0, 1, 2, 3) // longer than it takes to be taken for dead
	w.engines.Slow(0)
	w.servers[1].kill()
	thaw := w.freeze(2)
	w.listen[3].Dark()
	w.servers[0].pnctl("delete", "configmap", "owner-0", "owner-1", "owner-2", "owner-3")
	w.change(0)
	w.settles("one of four servers does it all", 0)
	w.gone(0)
	thaw()
	w.listen[3].Light()
	w.restart(1)
	w.change(1)
	w.settles("four servers do it again", 1)

	w.leaves()
	w.goesOn(seed, length)

	for _, p := range w.engines.Overlaps(w.excused) {
		t.Error(p)
	}
	eventually(t, "one server follows the events of each host", func() error {
		if wrong := w.engines.Followers(); len(wrong) > 0 {
			return fmt.Errorf("%q", wrong)
		}
		return nil
	})
	t.Logf("asked: %v", w.engines.Asked())
}

// leaves has a server stop as it is asked to in the middle of its work, and come back in the
// middle of that of the others.
func (w *shared) leaves() {
	w.t.Helper()
	w.atWork(1, 500*time.Millisecond, 0)
	w.servers[0].stop()
	w.engines.Slow(0)
	w.change(1)
	w.settles("the others take over from who leaves", 1)
	w.atWork(1, time.Second, 1, 2, 3)
	w.restart(0)
	w.engines.Slow(0)
	w.change(0)
	w.settles("who is back takes part", 0)
}

// longer makes the faults of a plan last long enough for somebody to be taken for dead.
const longer = 8

// goesOn has anything happen while there is work, for as long as it is told.
func (w *shared) goesOn(seed uint64, length time.Duration) {
	w.t.Helper()
	sorts := []chaos.Sort{chaos.Kill, chaos.Freeze, chaos.Muffle, chaos.Deafen, chaos.Darken, chaos.Cut, chaos.Crash}
	began := time.Now()
	for _, f := range chaos.Plan(seed, len(w.servers), 1000, sorts) {
		if time.Since(began) >= length {
			return
		}
		f.For *= longer
		w.engines.Slow(3 * time.Second)
		w.change((f.Node + 1) % len(w.servers))
		if f.Sort == chaos.Freeze {
			thaw := w.freeze(f.Node)
			time.Sleep(f.For)
			thaw()
		} else {
			w.breaks(f)
		}
		w.engines.Slow(0)
		w.change(f.Node)
		w.settles(f.String(), f.Node)
		w.leaves()
	}
}
