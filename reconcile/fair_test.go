package reconcile

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
)

// works are the passes that a queue hands out, each lasting as long as takes says.
type works struct {
	mu      sync.Mutex
	at      int
	most    int                      // at once
	longest map[string]time.Duration // wait by sort of keys
	passes  map[string]int           // by sort
	takes   func(api.Key) time.Duration
}

func (w *works) serve(q *queue) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		turn, ok := q.get()
		if !ok {
			return
		}
		all.Go(func() {
			w.begin(turn)
			time.Sleep(w.takes(turn.key))
			w.mu.Lock()
			w.at--
			w.mu.Unlock()
			q.done(turn.key)
		})
	}
}

func (w *works) begin(t turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at++
	w.most = max(w.most, w.at)
	w.passes[sortOf(t.key)]++
	w.longest[sortOf(t.key)] = max(w.longest[sortOf(t.key)], t.waited)
}

// waited is the longest wait of some sorts of keys since the last forget.
func (w *works) waited(sorts ...string) (most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sort := range sorts {
		most = max(most, w.longest[sort])
	}
	return most
}

// forget starts the longest waits and the most at once anew.
func (w *works) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest, w.most = map[string]time.Duration{}, w.at
}

func (w *works) count(sort string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passes[sort]
}

// atOnce is how many passes go on, and how many did at most.
func (w *works) atOnce() (now, most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at, w.most
}

// inQueue runs test beside a queue that is worked on.
func inQueue(t *testing.T, places int, takes func(api.Key) time.Duration, test func(*queue, *works)) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(places)
		w := &works{longest: map[string]time.Duration{}, passes: map[string]int{}, takes: takes}
		go w.serve(q)
		test(q, w)
		q.close()
		synctest.Wait()
		time.Sleep(time.Hour) // the last ones end
	})
}

// sortOf is the namespace and what the name begins with.
func sortOf(k api.Key) string {
	return k.Namespace + "/" + strings.TrimRight(k.Name, "0123456789")
}

// hangs is how long a pass lasts: until its timeout where the key says so.
func hangs(k api.Key) time.Duration {
	if strings.Contains(sortOf(k), "hung") {
		return 2 * time.Minute
	}
	return 10 * time.Millisecond
}

// keepAsking asks for passes of all keys now and then.
func keepAsking(q *queue, d, every time.Duration, keys ...api.Key) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
		for _, k := range keys {
			q.add(k, "", 0)
		}
	}
}

func keysIn(namespace, name string, n int) (keys []api.Key) {
	for i := range n {
		keys = append(keys, key(namespace, fmt.Sprint(name, i)))
	}
	return keys
}

func TestANamespaceOfPassesThatHangHoldsUpNoOther(t *testing.T) {
	inQueue(t, 8, hangs, func(q *queue, w *works) {
		for _, k := range keysIn("hung", "k", 1000) {
			q.add(k, "", 0)
		}
		time.Sleep(time.Second)
		keepAsking(q, 20*time.Minute, 7*time.Second, keysIn("good", "k", 5)...)
		if most := w.waited("good/k"); most > slowAfter {
			t.Errorf("a key of another namespace waited %v", most)
		}
		if w.count("good/k") < 800 || w.count("hung/k") < 100 {
			t.Errorf("only %d and %d passes: nothing was at work", w.count("good/k"), w.count("hung/k"))
		}
	})
}

func TestPassesThatHangHoldUpNoOtherOfTheirNamespace(t *testing.T) {
	inQueue(t, 8, hangs, func(q *queue, w *works) {
		stuck := keysIn("good", "hung", 400)
		keepAsking(q, 5*time.Minute, time.Second, append(stuck, key("good", "k"))...)
		if most := w.waited("good/k"); most > 400/8*slowAfter {
			t.Errorf("a key added together with 400 that hang for the first time waited %v", most)
		}
		w.forget()
		for i := range 600 {
			q.add(key("good", fmt.Sprint("new", i)), "", 0)
			keepAsking(q, time.Second, time.Second, append(stuck, key("good", "k"))...)
		}
		if most := w.waited("good/new", "good/k"); most > slowAfter {
			t.Errorf("a key waited %v for those that are known to hang", most)
		}
		if _, most := w.atOnce(); most > 8*slowPlaces+8*60 {
			t.Errorf("%d passes at once", most)
		}
	})
}

func TestSlowPassesOfANamespaceLeaveRoomForThoseOfOthers(t *testing.T) {
	takes := func(k api.Key) time.Duration { return max(hangs(k), 5*time.Second) }
	inQueue(t, 8, takes, func(q *queue, w *works) {
		slow := append(keysIn("good", "k", 3), keysIn("fine", "k", 3)...)
		keepAsking(q, time.Minute, 10*time.Second, slow...)
		w.forget()
		all := append(slow, keysIn("hung", "k", 1000)...)
		keepAsking(q, 10*time.Minute, 10*time.Second, all...)
		w.forget()
		keepAsking(q, 10*time.Minute, 10*time.Second, all...)
		if _, most := w.atOnce(); most > slowPlaces*8 {
			t.Errorf("%d passes at once, when all keys are known to be slow", most)
		}
		if most := w.waited("good/k", "fine/k"); most > slowAfter {
			t.Errorf("a slow key waited %v for those that hang", most)
		}
		if w.count("good/k") < 350 || w.count("hung/k") < 500 {
			t.Errorf("only %d and %d passes: nothing was at work", w.count("good/k"), w.count("hung/k"))
		}
	})
}

func TestHoweverManyNamespacesHangEachHasOnePass(t *testing.T) {
	takes := func(k api.Key) time.Duration { return max(hangs(k), 5*time.Second) }
	inQueue(t, 2, takes, func(q *queue, w *works) {
		keepAsking(q, 30*time.Second, 10*time.Second, key("good", "k"))
		var stuck []api.Key
		for i := range 40 {
			stuck = append(stuck, keysIn(fmt.Sprint("hung", i), "k", 2)...)
		}
		keepAsking(q, 10*time.Minute, 10*time.Second, stuck...)
		w.forget()
		keepAsking(q, 10*time.Minute, 10*time.Second, append(stuck, key("good", "k"))...)
		if most := w.waited("good/k"); most > slowAfter || w.count("good/k") < 50 {
			t.Errorf("a slow key waited %v for 40 namespaces that hang, and had %d passes", most, w.count("good/k"))
		}
	})
}

func TestAKeyThatWasSlowDoesNotTakeAPlaceAgain(t *testing.T) {
	inQueue(t, 8, hangs, func(q *queue, w *works) {
		stuck := keysIn("hung", "k", 100)
		keepAsking(q, 10*time.Minute, 10*time.Minute, stuck...) // then all are at rest
		synctest.Wait()
		if now, _ := w.atOnce(); len(q.items) != len(stuck) || now != 0 {
			t.Errorf("%d keys are remembered, %d passes go on", len(q.items), now)
		}
		keepAsking(q, time.Second, time.Second, append(stuck, keysIn("good", "new", 8)...)...)
		if most := w.waited("good/new"); most > 0 {
			t.Errorf("new keys waited %v although all places are free", most)
		}
	})
}
