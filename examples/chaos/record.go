package chaos

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Record is all that writers note of their attempts. It is safe for concurrent use.
type Record struct {
	start time.Time

	mu       sync.Mutex
	newest   int64 // the latest revision that was acknowledged
	writes   []write
	counters map[string]*tally
	deletes  map[string]*tally
	objects  map[string][]porcupine.Operation // by object
	answers  map[string]int
}

// write is one attempt to bring an object into the state that its id names.
type write struct {
	id, name string
	verdict  Verdict
	revision int64 // when done
	before   int64 // the latest acknowledged revision when it was sent
}

// tally counts attempts.
type tally struct{ done, unknown int }

func (t *tally) add(v Verdict) {
	switch v {
	case Done:
		t.done++
	case Unknown:
		t.unknown++
	}
}

// NewRecord is empty, and starts the clock of the operations.
func NewRecord() *Record {
	return &Record{
		start: time.Now(), counters: map[string]*tally{}, deletes: map[string]*tally{},
		objects: map[string][]porcupine.Operation{}, answers: map[string]int{},
	}
}

func (r *Record) now() int64 { return time.Since(r.start).Nanoseconds() }

// acknowledged is the latest revision that anybody was told so far.
func (r *Record) acknowledged() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// wrote notes an attempt that was sent when before was the latest acknowledged revision.
func (r *Record) wrote(verb, id, name string, before int64, a answer) {
	r.answered(verb, a)
	w := write{id: id, name: name, verdict: a.verdict, before: before}
	if a.verdict == Done {
		w.revision, _ = revision(a.object.Metadata.ResourceVersion) // 0 shows as an early one
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, w)
	r.newest = max(r.newest, w.revision)
}

// counted notes an attempt to increment.
func (r *Record) counted(counter string, v Verdict) { r.add(r.counters, counter, v) }

// deleted notes an attempt to delete.
func (r *Record) deleted(name string, a answer) {
	r.answered("DELETE", a)
	r.add(r.deletes, name, a.verdict)
}

func (r *Record) add(to map[string]*tally, name string, v Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to[name] == nil {
		to[name] = &tally{}
	}
	to[name].add(v)
}

// operated notes an operation on a single object. One whose outcome is not known goes on for
// ever; one that did nothing, and a read without an answer, was none.
func (r *Record) operated(client int, in input, called int64, a answer) {
	if a.verdict == Nothing || a.verdict == Unknown && in.verb == get {
		return
	}
	op := porcupine.Operation{ClientId: client, Input: in, Call: called, Output: output{a.verdict, a.code, a.object.Data[idKey]}, Return: r.now()}
	if a.verdict == Unknown {
		op.Return = math.MaxInt64
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objects[in.name] = append(r.objects[in.name], op)
}

// answered counts what servers say.
func (r *Record) answered(verb string, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[fmt.Sprintf("%s %d %s", verb, a.code, a.verdict)]++
}

// Answers tells how often servers said what, for the log of a run.
func (r *Record) Answers() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(r.answers)) {
		lines = append(lines, fmt.Sprintf("%s: %d", k, r.answers[k]))
	}
	return lines
}
