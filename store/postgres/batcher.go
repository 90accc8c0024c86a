package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

var (
	errClosed = fmt.Errorf("the store is closed: %w", api.ErrUnavailable)
	// errLost: the object was not in the state any more that the write started from.
	errLost = errors.New("lost the compare-and-swap")
)

// op is one write on its way, or a record of a call alone.
type op struct {
	change  store.Change
	key     api.Key
	data    []byte // the document to store
	prev    []byte // the document before, when its revision is far back
	expect  store.Revision
	by      string
	fence   string       // the member that must be one
	record  *audit.Entry // to commit with the write; nil when there is none
	state   atomic.Int32 // queued, then taken or given up
	outcome chan outcome // takes one
}

const (
	queued int32 = iota
	taken
	givenUp
)

type outcome struct {
	object *api.Object
	err    error
}

// batcher commits writes in batches, one batch at a time.
type batcher struct {
	store *Store
	link  link
	// statements are the texts for a batch, by what is in it.
	statements map[shape]string
	wake       chan struct{}
	done       chan struct{} // closed when nothing is committed any more

	committing sync.Mutex // held from sending a batch until it is in memory

	queue queue
}

func newBatcher(s *Store) *batcher {
	return &batcher{
		store: s,
		link:  link{address: s.address, name: s.id + " writer"},

		statements: statements(),
		queue:      queue{most: s.config.queue},

		wake: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
}

// alone says that the op changes no object.
func (o *op) alone() bool { return o.change.Type == "" }

// String is what the op does, for errors.
func (o *op) String() string {
	if o.alone() {
		return "keep an audit record"
	}
	return "write " + o.key.String()
}

// size is about how many bytes the op brings into the database.
func (o *op) size() int {
	n := len(o.data) + len(o.prev)
	if o.record != nil {
		n += len(o.record.Document)
	}
	return n
}

// write commits a change with its record, or says why not; errLost when another write was first.
func (b *batcher) write(ctx context.Context, c store.Change, w store.Write, record *audit.Entry) (*api.Object, error) {
	o, err := b.store.newOp(c, w.By)
	if err != nil {
		return nil, err
	}
	o.record, o.fence = record, w.Fence
	return b.do(ctx, o)
}

// note commits a record alone.
func (b *batcher) note(ctx context.Context, record audit.Entry) error {
	_, err := b.do(ctx, &op{record: &record, outcome: make(chan outcome, 1)})
	return err
}

// do has an op committed and waits for its outcome.
func (b *batcher) do(ctx context.Context, o *op) (*api.Object, error) {
	obj, err := b.await(ctx, o)
	b.store.metrics.wrote(err)
	return obj, err
}

// waiting is how many ops wait for the next batch.
func (b *batcher) waiting() int {
	ops, _ := b.queue.waiting()
	return ops
}

func (b *batcher) await(ctx context.Context, o *op) (*api.Object, error) {
	if !b.queue.push(o) {
		return nil, fmt.Errorf("%s: %w", o, api.ErrBusy)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	select {
	case r := <-o.outcome:
		return r.object, r.err
	case <-ctx.Done():
		return o.giveUp(fmt.Errorf("%s: %w", o, ctx.Err()))
	case <-b.done:
		return o.giveUp(fmt.Errorf("%s: %w", o, errClosed))
	}
}

// giveUp ends the wait for an op, which may be committed already.
func (o *op) giveUp(err error) (*api.Object, error) {
	if o.state.CompareAndSwap(queued, givenUp) {
		return nil, err
	}
	select {
	case r := <-o.outcome:
		return r.object, r.err
	default:
		return nil, fmt.Errorf("%w: %w", err, api.ErrUnknownOutcome)
	}
}

// newOp prepares a change for the batch, so that nothing can go wrong there that concerns it alone.
func (s *Store) newOp(c store.Change, by string) (*op, error) {
	o := &op{change: c, key: c.Key(), by: by, outcome: make(chan outcome, 1)}
	var err error
	if o.data, err = s.sealer.encode(c.New); err != nil {
		return nil, err
	}
	if c.Old == nil {
		return o, nil
	}
	if o.expect, err = revisionOf(c.Old); err != nil {
		return nil, err
	}
	// Half the reach leaves room for what other servers commit in the meantime.
	if s.hub.Position()-o.expect > s.config.history.reach/2 {
		o.prev, err = s.sealer.encode(c.Old)
	}
	return o, err
}

// run commits batches until ctx ends.
func (b *batcher) run(ctx context.Context) {
	defer b.link.drop()
	defer close(b.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		for ctx.Err() == nil {
			batch := b.queue.take()
			if len(batch) == 0 {
				break
			}
			b.committing.Lock()
			b.commit(ctx, batch)
			b.committing.Unlock()
		}
	}
}

// settle waits for the batch that is being committed, if there is one.
func (b *batcher) settle() {
	b.committing.Lock()
	defer b.committing.Unlock()
}
