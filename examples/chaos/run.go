package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Load is who works on a cluster while it is broken.
type Load struct {
	Nodes   []*Node
	Seed    uint64
	Writers int
	Pause   time.Duration // of a writer between two attempts, on average
	Follow  int           // followers

	Record    *Record
	Followers []*Follower

	stopWriters, stopFollowers context.CancelFunc
	writing, following         sync.WaitGroup
}

// counters are few, so that writers meet.
var counters = []string{"counter-0", "counter-1", "counter-2", "counter-3"}

// places is how many objects live at a time beside the counters.
const places = 6

// random is a source of its own for each part of the load.
func (l *Load) random(part int) *rand.Rand { return rand.New(rand.NewPCG(l.Seed, uint64(part)+1)) }

// Start has all of them begin; half of the writers count, the others change objects. Stop must be called.
func (l *Load) Start(ctx context.Context) {
	l.Record = NewRecord()
	writing, stop := context.WithCancel(ctx)
	following, end := context.WithCancel(ctx)
	l.stopWriters, l.stopFollowers = stop, end
	objects := NewObjects(places)
	for i := range l.Writers {
		w := l.writer(i)
		if i%2 == 0 {
			l.writing.Go(func() { w.Counters(writing, counters) })
		} else {
			l.writing.Go(func() { w.Change(writing, objects) })
		}
	}
	for i := range l.Follow {
		f := &Follower{
			Name: fmt.Sprint("follower ", i), Selection: selection(i), Start: Start(i % 3), SSE: i%2 == 1,
			Nodes: l.Nodes, Record: l.Record, Random: l.random(1000 + i),
		}
		l.Followers = append(l.Followers, f)
		l.following.Go(func() { f.Run(following) })
	}
}

func (l *Load) writer(i int) *Writer {
	return &Writer{ID: i, Nodes: l.Nodes, Record: l.Record, Random: l.random(i), Pause: l.Pause}
}

// selection: half of the followers want everything, so that there is much to tell; a quarter
// a lane, which objects come into and leave; a quarter one object, so that there are bookmarks.
func selection(i int) Selection {
	switch i / 2 % 4 {
	case 2:
		return Selection{Lane: lanes[i/8%len(lanes)]}
	case 3:
		return Selection{Name: counters[i/8%len(counters)]}
	}
	return Selection{}
}

// Quiesce ends the writers, and writes once more: everything that they wrote is at or before that revision.
func (l *Load) Quiesce(ctx context.Context) (int64, error) {
	l.stopWriters()
	l.writing.Wait()
	w := l.writer(l.Writers)
	w.http = newHTTP()
	defer w.http.CloseIdleConnections()
	for ctx.Err() == nil {
		if o, ok := w.find(ctx, counters[0]); ok {
			if a := w.increment(ctx, o); a.verdict == Done {
				return revision(a.object.Metadata.ResourceVersion)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, fmt.Errorf("the last write: %w", ctx.Err())
}

// Behind tells which followers have not come to a revision; nil when all have.
func (l *Load) Behind(to int64) error {
	for _, f := range l.Followers {
		if at := f.Position(); at < to {
			return fmt.Errorf("%s (%s) is at %d of %d", f.Name, f.Selection, at, to)
		}
	}
	return nil
}

// Stop ends all and waits for them. What they noted may be read afterwards.
func (l *Load) Stop() {
	l.stopWriters()
	l.stopFollowers()
	l.writing.Wait()
	l.following.Wait()
}

// List is what a server says that there is.
func List(ctx context.Context, node *Node) ([]Object, error) {
	l, err := list(ctx, http.DefaultClient, func() *Node { return node }, Selection{}, 0)
	if err != nil {
		return nil, fmt.Errorf("list of %s: %w", node.Name, err)
	}
	return l.objects, nil
}

// Summary tells what a run was made of.
func (l *Load) Summary(h *History) string {
	events, bookmarks, watches, expired, lists := 0, 0, 0, 0, 0
	for _, f := range l.Followers {
		watches += f.watches
		expired += f.expired
		lists += len(f.lives)
		for _, life := range f.lives {
			for _, t := range life.told {
				if t.bookmark {
					bookmarks++
				} else {
					events++
				}
			}
		}
	}
	unknown := 0
	for _, w := range l.Record.writes {
		if w.verdict == Unknown {
			unknown++
		}
	}
	return fmt.Sprintf("%d writes tried (%d with an unknown outcome), %d changes, %d objects; %d followers were told %d events and %d bookmarks in %d watches (%d of them expired) after %d starts",
		len(l.Record.writes), unknown, len(h.changes), len(l.Record.objects), len(l.Followers), events, bookmarks, watches, expired, lists)
}
