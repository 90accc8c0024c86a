package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Engines are Docker engines on which nothing runs: they tell who asks them for facts, which is
// what the controller of a DockerHost does in each pass, and when.
type Engines struct {
	// Who names the process that a connection comes from.
	Who func(net.Conn) string

	mu      sync.Mutex
	slow    time.Duration
	open    map[string]int // questions that wait for their answer, by who asks
	all     []*httptest.Server
	asked   []asking
	streams map[int]map[string]int // by engine: who follows its events, over how many connections
}

// asking is one question for facts.
type asking struct {
	engine    int
	what, who string
	from, to  time.Time
}

func (a asking) String() string {
	return fmt.Sprintf("%s by %s from %s to %s", a.what, a.who, a.from.Format("05.000"), a.to.Format("05.000"))
}

type whoKey struct{}

// quick is how long an answer takes, so that two who ask at once are seen.
const quick = 10 * time.Millisecond

// Slow makes the answers to questions from now on take longer; 0 is as before. Who goes away meanwhile has none.
func (e *Engines) Slow(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slow = max(d, quick)
}

// Waiting is how many questions of a process wait for their answer.
func (e *Engines) Waiting(who string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open[who]
}

// Start starts engines on loopback, and returns their endpoints. Close must be called.
func (e *Engines) Start(n int) (endpoints []string) {
	e.slow, e.open, e.streams = quick, map[string]int{}, map[int]map[string]int{}
	for i := range n {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.serve(i, w, r) }))
		s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, whoKey{}, e.Who(c))
		}
		s.Start()
		e.all = append(e.all, s)
		endpoints = append(endpoints, strings.Replace(s.URL, "http:", "tcp:", 1))
	}
	return endpoints
}

// Close ends the engines, and all that is asked of them.
func (e *Engines) Close() {
	for _, s := range e.all {
		s.CloseClientConnections()
		s.Close()
	}
}

func (e *Engines) serve(engine int, w http.ResponseWriter, r *http.Request) {
	who := r.Context().Value(whoKey{}).(string)
	w.Header().Set("API-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/_ping"):
	case strings.HasSuffix(path, "/events"):
		e.stream(engine, who, w, r)
	case strings.HasSuffix(path, "/info"):
		e.ask(r, engine, who)
		fmt.Fprintf(w, `{"ID":"engine-%d","ServerVersion":"20.10.0","OSType":"linux","NCPU":2}`, engine)
	case strings.HasSuffix(path, "/volumes"):
		e.ask(r, engine, who)
		fmt.Fprint(w, `{"Volumes":[]}`)
	default: // lists of images, networks, containers
		e.ask(r, engine, who)
		fmt.Fprint(w, `[]`)
	}
}

func (e *Engines) ask(r *http.Request, engine int, who string) {
	a := asking{engine: engine, what: r.URL.RequestURI(), who: who, from: time.Now()}
	e.mu.Lock()
	slow := e.slow
	e.open[who]++
	e.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
	}
	a.to = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[who]--
	e.asked = append(e.asked, a)
}

// stream has no events, and lasts.
func (e *Engines) stream(engine int, who string, w http.ResponseWriter, r *http.Request) {
	count := func(n int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.streams[engine] == nil {
			e.streams[engine] = map[string]int{}
		}
		if e.streams[engine][who] += n; e.streams[engine][who] == 0 {
			delete(e.streams[engine], who)
		}
	}
	count(+1)
	defer count(-1)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// Overlaps tells where two processes asked one engine at the same time. What a process asked
// while it was excused, as it had been frozen and could not know what had become of it, does not count.
func (e *Engines) Overlaps(excused func(who string, at time.Time) bool) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var p problems
	for i, a := range e.asked {
		for _, b := range e.asked[:i] {
			if a.engine != b.engine || a.who == b.who || !a.from.Before(b.to) || !b.from.Before(a.to) {
				continue
			}
			if !excused(a.who, a.from) && !excused(b.who, b.from) {
				p.add("engine %d is asked at once: %s, and %s", a.engine, b, a)
			}
		}
	}
	return p.all()
}

// Followers tells which engines have not exactly one process that follows their events.
func (e *Engines) Followers() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var p problems
	for i := range e.all {
		if len(e.streams[i]) != 1 {
			p.add("the events of engine %d are followed by %v", i, e.streams[i])
		}
	}
	return p.all()
}

// Asked is how many questions each process has asked.
func (e *Engines) Asked() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := map[string]int{}
	for _, a := range e.asked {
		n[a.who]++
	}
	return n
}
