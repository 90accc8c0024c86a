package reconcile

import (
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// reads remembers what the last pass of every object read, so that a change of
// any of it brings the reader back. How nothing is missed and nothing spins:
//
// A read is noted before it is made, and after the kind's feed has begun; so
// whatever happens after the read meets the note. A change that comes while the pass
// still runs waits for its end, when all that it saw is known. A change that
// the pass has seen (its revision is not after the one read) does not wake.
//
// What a pass itself created or updated is known to it by key. Removals and
// lists it does wake for, once: the next pass sees them and, in a steady world, writes nothing.
// A controller that writes in every pass is slowed down (ownDelay). Changes of the
// reader's own object never count; those are the feed's to judge.
type reads struct {
	mu      sync.Mutex
	readers map[api.Key]*reader
	keys    map[api.Key]keySet // who read this key
	lists   map[scope]keySet   // who listed this
}

type keySet map[api.Key]struct{}

type scope struct{ kind, namespace string }

// change is what a feed tells: the state of a key before and after. Either is
// nil when there was, or is, no such object.
type change struct {
	key      api.Key
	revision store.Revision
	old      *mark
	obj      *api.Object
}

func newReads() *reads {
	return &reads{readers: map[api.Key]*reader{}, keys: map[api.Key]keySet{}, lists: map[scope]keySet{}}
}

// begin starts a pass of key: what the last one read counts no more.
func (r *reads) begin(key api.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.readers[key]
	r.unlink(key)
	now := &reader{running: true, keys: map[api.Key]store.Revision{}, wrote: map[api.Key]store.Revision{}}
	if before != nil && before.ownWoken {
		now.inARow = before.inARow + 1
	}
	r.readers[key] = now
}

// end tells whether the pass must be repeated because of what changed since it read, and
// whether all of that was its own doing.
func (r *reads) end(key api.Key) (wake wake) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.readers[key]
	if rd == nil { // forgotten meanwhile
		return wake
	}
	rd.running = false
	for _, c := range rd.pending {
		wake.merge(rd.judge(c))
	}
	rd.pending = nil
	rd.note(wake)
	return wake
}

// changed finds the readers to bring back now.
func (r *reads) changed(c change) map[api.Key]wake {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[api.Key]wake{}
	ask := func(set keySet) {
		for key := range set {
			rd := r.readers[key]
			switch _, asked := found[key]; {
			case asked || key == c.key:
			case rd.running:
				rd.pending = append(rd.pending, c)
				found[key] = wake{}
			default:
				w := rd.judge(c)
				rd.note(w)
				found[key] = w
			}
		}
	}
	ask(r.keys[c.key])
	ask(r.lists[scope{c.key.Kind, c.key.Namespace}])
	if c.key.Namespace != "" {
		ask(r.lists[scope{c.key.Kind, ""}])
	}
	return found
}

// inARow is how many passes in a row a reader has had for its own writes only.
func (r *reads) inARow(key api.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rd := r.readers[key]; rd != nil {
		return rd.inARow
	}
	return 0
}

// readKey notes that reader is about to read key.
func (r *reads) readKey(by, key api.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.readers[by]
	if rd == nil {
		return
	}
	if _, ok := rd.keys[key]; !ok {
		rd.keys[key] = 0
		link(r.keys, key, by)
	}
}

// sawKey notes at which revision key was read; of several the first counts.
func (r *reads) sawKey(by, key api.Key, at store.Revision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rd := r.readers[by]; rd != nil && rd.keys[key] == 0 {
		rd.keys[key] = at
	}
}

// wroteKey notes the reader's own write. known: it knows the state it left behind.
func (r *reads) wroteKey(by, key api.Key, at store.Revision, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.readers[by]
	if rd == nil {
		return
	}
	rd.wrote[key] = at
	if known {
		rd.keys[key] = at
	}
}

// readList notes that reader is about to list; the function it returns notes at which revision.
func (r *reads) readList(by api.Key, in scope, selector labels.Selector) (saw func(store.Revision)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := r.readers[by]
	if rd == nil {
		return func(store.Revision) {}
	}
	l := &listRead{scope: in, selector: selector}
	rd.lists = append(rd.lists, l)
	link(r.lists, in, by)
	return func(at store.Revision) {
		r.mu.Lock()
		defer r.mu.Unlock()
		l.seen = at
	}
}

// forget drops a reader that is gone.
func (r *reads) forget(key api.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unlink(key)
	delete(r.readers, key)
}

func (r *reads) unlink(key api.Key) {
	rd := r.readers[key]
	if rd == nil {
		return
	}
	for read := range rd.keys {
		unlink(r.keys, read, key)
	}
	for _, l := range rd.lists {
		unlink(r.lists, l.scope, key)
	}
}

func link[K comparable](index map[K]keySet, at K, reader api.Key) {
	if index[at] == nil {
		index[at] = keySet{}
	}
	index[at][reader] = struct{}{}
}

func unlink[K comparable](index map[K]keySet, at K, reader api.Key) {
	delete(index[at], reader)
	if len(index[at]) == 0 {
		delete(index, at)
	}
}

// revisionOf reads an object's resourceVersion; 0, which is before all others, when it has none.
func revisionOf(obj *api.Object) store.Revision {
	n, err := strconv.ParseInt(obj.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return store.Revision(n)
}
