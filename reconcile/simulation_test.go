package reconcile_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"text/tabwriter"
	"time"
)

// simBound is how soon any wish is brought about, whatever the members are doing.
const simBound = takeover

// simRow is what one phase of a simulation came to.
type simRow struct {
	phase          string
	passes, writes int
	longest        time.Duration // from a wish to what it wished, in fake time
	cpu            time.Duration // of this process
}

// phase lets something happen, and then fake time pass; all that is wished has to be brought about.
func (s *simulation) phase(t *testing.T, name string, lasts time.Duration, happens func()) simRow {
	t.Helper()
	s.world.Lock()
	s.longest = 0
	passes := s.worked
	s.world.Unlock()
	writes, cpu := s.writes(t), cpuTime(t)
	happens()
	elapse(lasts)
	s.world.Lock()
	defer s.world.Unlock()
	row := simRow{name, s.worked - passes, s.writes(t) - writes, s.longest, cpuTime(t) - cpu}
	for key, wish := range s.wished {
		t.Errorf("%s: %s: %d are still wished, such as %s since %v", s.size, name, len(s.wished), key, time.Since(wish.at))
		break
	}
	if row.longest > simBound {
		t.Errorf("%s: %s: a wish was brought about after %v", s.size, name, row.longest)
	}
	return row
}

// writes is how many writes the store has taken, those of Events too.
func (s *simulation) writes(t *testing.T) int {
	t.Helper()
	at, err := s.store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(at)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// simulate runs all phases in fake time.
func simulate(t *testing.T, size simSize) (rows []simRow, heap uint64) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, size)
		wish := 1
		change := func(every int) func() { return func() { wish++; s.wish(t, every, wish) } }
		and := func(all ...func()) func() {
			return func() {
				for _, do := range all {
					do()
				}
			}
		}
		does := func(name string, lasts time.Duration, happens ...func()) {
			rows = append(rows, s.phase(t, name, lasts, and(happens...)))
		}
		does("all are new", time.Minute, func() { s.populate(t) })
		does("nothing happens for an hour", time.Hour)
		heap = heapInUse()
		does("1 of 100 changes", time.Minute, change(100))
		does("1 of 100 changes while a member joins", time.Minute, s.join, change(100))
		does("… while one is drained", time.Minute, func() { s.leave().drain() }, change(100))
		does("… while one is killed", time.Minute, func() { s.leave().kill() }, change(100))
		stalled := s.leave()
		does("… while one stalls for a minute", time.Minute, stalled.freeze, change(100))
		does("… when it goes on", time.Minute, func() { stalled.thaw() }, change(100))
		var heal func()
		does("1 of 100 hosts hangs, and all on it change", 20*time.Second, func() { heal = s.hang(100); wish++; s.disturb(t, wish) })
		for range 5 {
			does("… 1 of 100 others changes", time.Minute, change(97))
		}
		does("… they answer again", 6*time.Minute, func() { heal() })
		does("members come and go for ten minutes", time.Minute, func() { s.churn(10*time.Minute, change(300)) })
	})
	return rows, heap
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSimulation runs 5 members, or as many as SIMULATION says: "20 10000 100000" are members, hosts
// and instances. It prints what each phase cost beside a world of a tenth of the size.
func TestSimulation(t *testing.T) {
	size := simSize{5, 200, 2000}
	if text := os.Getenv("SIMULATION"); text != "" {
		if _, err := fmt.Sscan(text, &size.members, &size.hosts, &size.instances); err != nil {
			t.Fatalf("SIMULATION=%q are not three numbers (members, hosts, instances): %v", text, err)
		}
	}
	tenth := simSize{size.members, size.hosts / 10, size.instances / 10}
	few, _ := simulate(t, tenth)
	many, heap := simulate(t, size)
	for i, row := range many[:3] { // while nobody comes or goes
		if row.passes != 10*few[i].passes || row.writes > 10*few[i].writes {
			t.Errorf("%s: %d passes and %d writes, for a tenth of the size %d and %d", row.phase, row.passes, row.writes, few[i].passes, few[i].writes)
		}
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s (CPU beside a tenth of it)\tpasses\twrites\tlongest wait\tCPU\tof a tenth\n", size)
	for i, row := range many {
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t%v\t%.1f\n", row.phase, row.passes, row.writes, row.longest.Round(time.Millisecond),
			row.cpu.Round(time.Millisecond), float64(row.cpu)/float64(few[i].cpu))
	}
	w.Flush()
	fmt.Fprintf(&out, "the store and all members together: %d MiB of heap\n", heap>>20)
	if os.Getenv("SIMULATION") != "" {
		fmt.Print(out.String())
	}
	t.Log("\n" + out.String())
}
