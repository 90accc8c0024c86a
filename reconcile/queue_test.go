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

// script is what a property test does to a queue: adds at times, with a few
// workers that take a while for each key.
type script struct {
	adds    []scriptAdd
	workers int
	takes   time.Duration
}

type scriptAdd struct {
	at, delay time.Duration
	key       api.Key
	group     string
}

func (a scriptAdd) due() time.Duration { return a.at + a.delay }

// worked is one pass as the workers saw it, in time since the start.
type worked struct {
	key        api.Key
	group      string
	begin, end time.Duration
}

func scripts() *rapid.Generator[script] {
	return rapid.Custom(func(t *rapid.T) script {
		s := script{
			workers: rapid.IntRange(1, 4).Draw(t, "workers"),
			takes:   time.Duration(rapid.IntRange(0, 30).Draw(t, "takes")) * time.Millisecond,
		}
		groups := rapid.IntRange(1, 6).Draw(t, "groups")
		for range rapid.IntRange(1, 40).Draw(t, "adds") {
			n := rapid.IntRange(0, 9).Draw(t, "key")
			s.adds = append(s.adds, scriptAdd{
				at:    time.Duration(rapid.IntRange(0, 200).Draw(t, "at")) * time.Millisecond,
				delay: time.Duration(rapid.SampledFrom([]int{0, 0, 5, 50, 500}).Draw(t, "delay")) * time.Millisecond,
				key:   api.Key{Namespace: fmt.Sprint("ns", n%3), Name: fmt.Sprint("k", n)},
				group: fmt.Sprint("g", n%groups),
			})
		}
		slices.SortStableFunc(s.adds, func(a, b scriptAdd) int { return int(a.at - b.at) })
		return s
	})
}

// play runs a script in fake time, and returns the passes in the order they began.
func play(t *testing.T, s script) (passes []worked) {
	synctest.Test(t, func(t *testing.T) {
		q, start := newQueue(8), time.Now()
		results := make(chan worked, 1000)
		for range s.workers {
			go func() {
				for {
					turn, ok := q.get()
					if !ok {
						return
					}
					w := worked{key: turn.key, group: turn.group, begin: time.Since(start)}
					time.Sleep(s.takes)
					w.end = time.Since(start)
					q.done(turn.key)
					results <- w
				}
			}()
		}
		for _, a := range s.adds {
			time.Sleep(a.at - time.Since(start))
			q.add(a.key, a.group, a.delay)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		q.close()
		synctest.Wait()
		close(results)
		for w := range results {
			passes = append(passes, w)
		}
	})
	slices.SortStableFunc(passes, func(a, b worked) int { return int(a.begin - b.begin) })
	return passes
}

func TestQueueProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := scripts().Draw(rt, "script")
		passes := play(t, s)
		for _, problem := range []string{oneWorkerAGroup(passes), nothingLost(s, passes), neverForNothing(s, passes), inTime(s, passes)} {
			if problem != "" {
				rt.Fatal(problem)
			}
		}
	})
}

func oneWorkerAGroup(passes []worked) string {
	for i, a := range passes {
		for _, b := range passes[i+1:] {
			if a.group == b.group && b.begin < a.end {
				return fmt.Sprintf("%+v and %+v at once", a, b)
			}
		}
	}
	return ""
}

// nothingLost: after every add there is a pass of the key that began no earlier than the add.
func nothingLost(s script, passes []worked) string {
	for _, a := range s.adds {
		if !slices.ContainsFunc(passes, func(w worked) bool { return w.key == a.key && w.begin >= a.at }) {
			return fmt.Sprintf("%+v was lost", a)
		}
	}
	return ""
}

// neverForNothing: before every pass there is an add that no earlier pass has
// answered, and that is due.
func neverForNothing(s script, passes []worked) string {
	since := map[api.Key]time.Duration{}
	for _, w := range passes {
		from, seen := since[w.key]
		due := func(a scriptAdd) bool {
			return a.key == w.key && (!seen || a.at >= from) && a.due() <= w.begin
		}
		if !slices.ContainsFunc(s.adds, due) {
			return fmt.Sprintf("%+v came for nothing", w)
		}
		since[w.key] = w.begin
	}
	return ""
}

// inTime: with a worker for each key and a group for each, a pass begins at the
// earliest due time of the adds since the pass before, or at that one's end.
func inTime(s script, passes []worked) string {
	groups := map[string]api.Key{}
	for _, a := range s.adds {
		if k, ok := groups[a.group]; ok && k != a.key || s.workers < 4 {
			return "" // keys hold each other up
		}
		groups[a.group] = a.key
	}
	if len(groups) > s.workers {
		return ""
	}
	last := map[api.Key]worked{}
	for _, w := range passes {
		before, seen := last[w.key]
		earliest := time.Duration(1<<62 - 1)
		for _, a := range s.adds {
			if a.key == w.key && (!seen || a.at > before.begin) && a.at <= w.begin {
				earliest = min(earliest, a.due())
			}
		}
		if want := max(earliest, before.end); w.begin > want {
			return fmt.Sprintf("%+v was due at %v", w, want)
		}
		last[w.key] = w
	}
	return ""
}

func key(namespace, name string) api.Key { return api.Key{Namespace: namespace, Name: name} }

// taken empties a queue and lists the names in the order they came.
func taken(t *testing.T, q *queue) (names []string) {
	for q.depth() > 0 {
		turn, ok := q.get()
		if !ok {
			t.Fatal("closed")
		}
		names = append(names, turn.key.Name)
		q.done(turn.key)
	}
	return names
}

func TestQueueNamespacesTakeTurns(t *testing.T) {
	q := newQueue(8)
	for _, k := range []api.Key{key("a", "a1"), key("a", "a2"), key("a", "a3"), key("b", "b1"), key("c", "c1"), key("b", "b2")} {
		q.add(k, k.Name, 0)
	}
	if got, want := fmt.Sprint(taken(t, q)), "[a1 b1 c1 a2 b2 a3]"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestQueueEarliestOfTheAddsDuringAPassCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, k := newQueue(8), key("a", "x")
		q.add(k, "g", 0)
		q.get()
		for _, delay := range []time.Duration{time.Hour, time.Second, time.Minute} {
			q.add(k, "g", delay)
		}
		q.done(k)
		began := time.Now()
		q.get()
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("came after %v", waited)
		}
	})
}

func TestQueueDropsWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(8)
		q.add(key("a", "ready"), "1", 0)
		q.add(key("a", "later"), "2", time.Second)
		q.add(key("a", "stays"), "3", 0)
		q.drop(key("a", "ready"))
		q.drop(key("a", "later"))
		q.drop(key("a", "unknown"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := fmt.Sprint(taken(t, q)), "[stays]"; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if len(q.items) != 0 {
			t.Errorf("left over: %v", q.items)
		}
	})
}

func TestQueueDropWhileRunningAndBack(t *testing.T) {
	q := newQueue(8)
	q.add(key("a", "x"), "g", 0)
	q.get()
	q.add(key("a", "x"), "g", 0)
	q.drop(key("a", "x"))
	q.done(key("a", "x"))
	if n := q.depth(); n != 0 {
		t.Errorf("a dropped key came again")
	}
	q.add(key("a", "x"), "g", 0)
	q.get()
	q.drop(key("a", "x"))
	q.add(key("a", "x"), "g", 0) // one of the same name
	q.done(key("a", "x"))
	if n := q.depth(); n != 1 {
		t.Errorf("the new one was lost")
	}
}

func TestQueueCountsFailuresUntilForgiven(t *testing.T) {
	q := newQueue(8)
	k := key("a", "x")
	for want := 1; want <= 3; want++ {
		q.add(k, "g", 0)
		turn, _ := q.get()
		if turn.failures != want-1 || q.failed(k) != want {
			t.Errorf("failures: %d before", turn.failures)
		}
		q.done(k)
	}
	q.forgive(k)
	q.add(k, "g", 0)
	if turn, _ := q.get(); turn.failures != 0 {
		t.Errorf("%d failures after forgiving", turn.failures)
	}
}

func TestQueueCloseWakesAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(8)
		ended := make(chan bool, 3)
		for range 3 {
			go func() { _, ok := q.get(); ended <- ok }()
		}
		synctest.Wait()
		q.close()
		for range 3 {
			if <-ended {
				t.Error("a key of a closed queue")
			}
		}
	})
}

func TestBackoffDoublesToFiveMinutesLessAFifthAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "n")
		d, mean := backoff(n), backoffMean(n)
		if want := min(time.Second<<min(n-1, 20), 5*time.Minute); mean != want {
			t.Fatalf("mean %v, want %v", mean, want)
		}
		if d > mean || d < mean*4/5 {
			t.Fatalf("%v of %v", d, mean)
		}
	})
}

// placesOf is a key in each state that it can be asked for in.
func placesOf(q *queue) map[string]api.Key {
	keys := map[string]api.Key{}
	for _, name := range []string{"running", "ready", "parked", "delayed"} {
		keys[name] = key("a", name)
		group, delay := "", time.Duration(0)
		switch name {
		case "running", "parked":
			group = "g"
		case "delayed":
			delay = time.Hour
		}
		q.add(keys[name], group, delay)
		if name == "running" {
			q.get()
		}
	}
	return keys
}

func TestAMillionHintsOfAKeyAreOnePassAndTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(8)
		for state, k := range placesOf(q) {
			group := q.items[k].group
			hint := func() { q.add(k, group, time.Hour) } // not sooner than it comes anyway
			hint()
			if n := testing.AllocsPerRun(250_000, hint); n != 0 {
				t.Errorf("a hint of a key that is %s allocates %v times", state, n)
			}
		}
		if len(q.items) != 4 || len(q.delayed) != 1 || q.depth() != 2 {
			t.Errorf("%d keys, %d delayed, %d due", len(q.items), len(q.delayed), q.depth())
		}
		q.done(key("a", "running"))
		passes := len(taken(t, q))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if passes += len(taken(t, q)); passes != 4 { // ready, parked, delayed, and once more the one that was running
			t.Errorf("%d passes", passes)
		}
	})
}

// BenchmarkDuplicateHint is what it costs to ask again for a pass of a key that is in line.
func BenchmarkDuplicateHint(b *testing.B) {
	q := newQueue(8)
	for i := range 100_000 {
		q.add(key("a", fmt.Sprint(i)), "", 0)
	}
	k := key("a", "5")
	b.ReportAllocs()
	for b.Loop() {
		q.add(k, "", 0)
	}
}

// BenchmarkPassOfAGroup is what a turn costs when 10,000 others of the group wait.
func BenchmarkPassOfAGroup(b *testing.B) {
	q := newQueue(8)
	for i := range 10_000 {
		q.add(key("a", fmt.Sprint(i)), "g", 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		t, _ := q.get()
		q.add(t.key, "g", 0)
		q.done(t.key)
	}
}
