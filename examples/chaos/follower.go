package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Follower lists and watches as informers do, or as browsers do (SSE): it goes on from the
// last revision that it was told when a stream ends, through any server, and lists anew when that
// has expired, or now and then for no reason. It notes all that it is told.
type Follower struct {
	Name      string
	Selection Selection
	SSE       bool
	Nodes     []*Node
	Record    *Record
	Random    *rand.Rand

	http     *http.Client
	position atomic.Int64
	lives    []life
	resumes  int
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
		node := f.Nodes[f.Random.IntN(len(f.Nodes))]
		fresh := len(f.lives) == 0 || f.lives[len(f.lives)-1].to == 0 || f.Random.IntN(20) == 0
		if !fresh || f.list(ctx, node) {
			f.watch(ctx, node)
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

// list begins a new life.
func (f *Follower) list(ctx context.Context, node *Node) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	known := f.Record.acknowledged()
	l, err := list(ctx, f.http, node, f.Selection)
	if err != nil {
		f.refused("list", err)
		return false
	}
	if l.revision < known {
		f.problem("a list of %s at %d, after %d was acknowledged", node.Name, l.revision, known)
	}
	first := map[string]uint64{}
	for _, o := range l.objects {
		first[o.Metadata.Name] = o.sum()
	}
	f.lives = append(f.lives, life{listed: l.revision, first: first, now: maps.Clone(first), to: l.revision})
	f.position.Store(l.revision)
	return true
}

// watch goes on from where the life has come to, for a few seconds.
func (f *Follower) watch(ctx context.Context, node *Node) {
	seconds := 3 + f.Random.IntN(6)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+patience)
	defer cancel()
	q := f.Selection.query()
	q.Set("watch", "true")
	q.Set("allowWatchBookmarks", "true")
	q.Set("timeoutSeconds", fmt.Sprint(seconds))
	header := http.Header{}
	if f.SSE { // a browser keeps its URL, and tells the last id beside it
		header.Set("Accept", "text/event-stream")
		header.Set("Last-Event-ID", fmt.Sprint(f.life().to))
		q.Set("resourceVersion", fmt.Sprint(f.life().listed))
	} else {
		q.Set("resourceVersion", fmt.Sprint(f.life().to))
	}
	resp, err := send(ctx, f.http, node, http.MethodGet, collection+"?"+q.Encode(), nil, header)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = statusError(resp)
	}
	if err != nil {
		f.refused("watch", err)
		return
	}
	defer resp.Body.Close()
	f.resumes++
	for s := newStream(resp.Body, f.SSE); ; {
		e, err := s.next()
		if err != nil || !f.take(node, e) {
			return
		}
	}
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
	code, answered := err.(codeError)
	switch {
	case answered && code == http.StatusGone:
		if len(f.lives) > 0 {
			f.lives = append(f.lives, life{})
		}
	case answered && code != http.StatusServiceUnavailable && code != http.StatusGatewayTimeout && code != http.StatusTooManyRequests:
		f.problem("%s: %v", what, err)
	}
}

// codeError is an answer that is none.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("answered %d", int(c)) }

func statusError(resp *http.Response) error {
	resp.Body.Close()
	return codeError(resp.StatusCode)
}

// listing is the answer to a list.
type listing struct {
	revision int64
	objects  []Object
}

// list reads a selection as it is now.
func list(ctx context.Context, c *http.Client, node *Node, s Selection) (l listing, err error) {
	resp, err := send(ctx, c, node, http.MethodGet, collection+"?"+s.query().Encode(), nil, nil)
	if err != nil {
		return l, err
	}
	if resp.StatusCode != http.StatusOK {
		return l, statusError(resp)
	}
	defer resp.Body.Close()
	var body struct {
		Metadata Metadata `json:"metadata"`
		Items    []Object `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return l, err
	}
	l.objects = body.Items
	l.revision, err = revision(body.Metadata.ResourceVersion)
	return l, err
}
