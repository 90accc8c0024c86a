package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Start is how a follower learns the present state.
type Start int

// The starts: a list, a list in pages that any server answers, and a watch that begins with the state.
const (
	Whole Start = iota
	Paged
	Streamed
)

// Follower lists and watches as informers do, or as browsers do (SSE): it goes on from the
// last revision that it was told when a stream ends, through any server, and lists anew when that
// has expired, or now and then for no reason. It notes all that it is told.
type Follower struct {
	Name      string
	Selection Selection
	Start     Start
	SSE       bool
	Nodes     []*Node
	Record    *Record
	Random    *rand.Rand

	http     *http.Client
	position atomic.Int64
	lives    []life
	watches  int
	expired  int
	problems []string
}

// life is what a follower was told from one list on.
type life struct {
	listed int64             // the revision of the list
	first  map[string]uint64 // sums of the objects of the list
	now    map[string]uint64 // after all that was told since
	told   []told
	to     int64 // up to here everything was told
}

// told is one event.
type told struct {
	revision int64
	mark     string // type and name
	sum      uint64
	bookmark bool
}

// Run follows until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	f.http = newHTTP()
	defer f.http.CloseIdleConnections()
	for ctx.Err() == nil {
		fresh := len(f.lives) == 0 || f.life().to == 0 || f.Random.IntN(20) == 0
		switch {
		case !fresh:
			f.resume(ctx)
		case f.Start == Streamed:
			f.begin(ctx)
		case f.list(ctx):
			f.resume(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(50+f.Random.IntN(200)) * time.Millisecond):
		}
	}
}

// Position is the revision up to which the follower was told everything.
func (f *Follower) Position() int64 { return f.position.Load() }

func (f *Follower) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

func (f *Follower) life() *life { return &f.lives[len(f.lives)-1] }

func (f *Follower) node() *Node { return f.Nodes[f.Random.IntN(len(f.Nodes))] }

// born begins a new life with a state at a revision; known was acknowledged before it was asked for.
func (f *Follower) born(r int64, first map[string]uint64, known int64) {
	if r < known {
		f.problem("the state at %d, after %d was acknowledged", r, known)
	}
	f.lives = append(f.lives, life{listed: r, first: first, now: maps.Clone(first), to: r})
	f.position.Store(r)
}

// list begins a new life with a list.
func (f *Follower) list(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	known, limit := f.Record.acknowledged(), 0
	if f.Start == Paged {
		limit = 3
	}
	l, err := list(ctx, f.http, f.node, f.Selection, limit)
	if err != nil {
		f.refused("list", err)
		return false
	}
	first := map[string]uint64{}
	for _, o := range l.objects {
		first[o.Metadata.Name] = o.sum()
	}
	f.born(l.revision, first, known)
	return true
}

// take notes an event; it is false when the stream is over with it.
func (f *Follower) take(node *Node, e event) bool {
	l := f.life()
	if e.Type == "ERROR" {
		f.refused("watch", codeError(e.Object.Code))
		return false
	}
	r, err := revision(e.Object.Metadata.ResourceVersion)
	bookmark := e.Type == "BOOKMARK"
	switch {
	case err != nil:
		f.problem("%s of %s: %v", e.Type, node.Name, err)
		return false
	case r < l.to || r == l.to && !bookmark:
		f.problem("%s of %s by %s, after everything up to %d", e.Type, e.Object.Object, node.Name, l.to)
	case f.SSE && e.id != e.Object.Metadata.ResourceVersion:
		f.problem("%s of %s has the id %q", e.Type, e.Object.Object, e.id)
	}
	sum := e.Object.sum()
	switch e.Type {
	case "ADDED", "MODIFIED":
		l.now[e.Object.Metadata.Name] = sum
	case "DELETED":
		delete(l.now, e.Object.Metadata.Name)
	}
	l.told = append(l.told, told{r, e.Type + " " + e.Object.Metadata.Name, sum, bookmark})
	l.to = r
	f.position.Store(r)
	return true
}

// refused: a server that is broken may say so, and one that has forgotten too much; nothing else.
func (f *Follower) refused(what string, err error) {
	var code codeError
	var broken brokenError
	switch {
	case errors.As(err, &broken):
	case !errors.As(err, &code):
		f.problem("%s: %v", what, err)
	case code == http.StatusGone:
		f.expired++
		if len(f.lives) > 0 {
			f.lives = append(f.lives, life{})
		}
	case code != http.StatusServiceUnavailable && code != http.StatusGatewayTimeout && code != http.StatusTooManyRequests:
		f.problem("%s: %v", what, err)
	}
}
