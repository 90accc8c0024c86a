package postgres

import (
	"sync"

	"github.com/powernode/powernode/api"
)

// A batch is what was queued while the one before committed, up to these limits.
const (
	maxOps   = 128
	maxBytes = 4 << 20
)

// limits bound what may wait.
type limits struct{ ops, bytes int }

// queue holds the ops that wait for the next batch.
type queue struct {
	most limits

	mu    sync.Mutex
	ops   []*op
	bytes int
}

// push puts an op at the end; it is false when there is no room.
func (q *queue) push(o *op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := o.size()
	if len(q.ops) >= q.most.ops || len(q.ops) > 0 && q.bytes+size > q.most.bytes {
		return false
	}
	q.ops = append(q.ops, o)
	q.bytes += size
	return true
}

// take is the next batch. A second write of one object waits for the one after: in the
// same it could only lose, or be done before the first.
func (q *queue) take() []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch, rest []*op
	bytes, keys := 0, map[api.Key]bool{}
	for i, o := range q.ops {
		size := o.size()
		if len(batch) == maxOps || len(batch) > 0 && bytes+size > maxBytes {
			rest = append(rest, q.ops[i:]...)
			break
		}
		if keys[o.key] && !o.alone() {
			rest = append(rest, o)
			continue
		}
		q.bytes -= size
		if !o.state.CompareAndSwap(queued, taken) {
			continue
		}
		keys[o.key] = true
		bytes += size
		batch = append(batch, o)
	}
	q.ops = rest
	return batch
}

// waiting is how many ops wait, and what they hold.
func (q *queue) waiting() (ops, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops), q.bytes
}
