package reconcile

import (
	"hash/maphash"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"

	"github.com/powernode/powernode/api"
)

// What may become an Event of its own; the numbers for one object are those of
// Kubernetes' EventCorrelator.
const (
	similarMost  = 10 // different messages of one object, type and reason
	similarFor   = 10 * time.Minute
	objectBurst  = 25
	objectEvery  = 5 * time.Minute // one more event of an object
	kindBurst    = 500
	kindRate     = 5    // more events of a kind a second
	toldObjects  = 4096 // of which this is remembered; of the others the latest
	toldReasons  = 32   // of an object
	combinedText = "(combined from similar events): "
)

// flood says which notices become Events, so that no object and no kind fills the store with them, and nothing grows
// here. Notices that differ in their messages only become one after a while. Its methods are for one caller at a time.
type flood struct {
	objects *lru.Cache // by UID: *told
	kinds   map[string]*rate.Limiter
	seed    maphash.Seed
}

// told is what is remembered of one object.
type told struct {
	limit   *rate.Limiter
	reasons map[[2]string]*similar // by type and reason
}

// similar are the messages of one reason.
type similar struct {
	since    time.Time
	messages map[uint64]struct{}
}

func newFlood() *flood {
	return &flood{objects: lru.New(toldObjects), kinds: map[string]*rate.Limiter{}, seed: maphash.MakeSeed()}
}

// combine returns what tells a notice from others about the object: its message, or, when there
// have been many of the same reason, what they have in common; combined says that it is so.
func (f *flood) combine(about *api.Object, n Notice, at time.Time) (identity Notice, combined bool) {
	t := f.of(about)
	reason := [2]string{n.Type, n.Reason}
	s := t.reasons[reason]
	if s == nil || at.Sub(s.since) >= similarFor {
		if s == nil && len(t.reasons) >= toldReasons {
			clear(t.reasons)
		}
		s = &similar{since: at, messages: map[uint64]struct{}{}}
		t.reasons[reason] = s
	}
	message := maphash.String(f.seed, n.Message)
	if _, known := s.messages[message]; known || len(s.messages) < similarMost {
		s.messages[message] = struct{}{}
		return n, false
	}
	n.Message = combinedText
	return n, true
}

// admits reports whether there may be one more Event about the object now.
func (f *flood) admits(about *api.Object, at time.Time) bool {
	kind := about.Key().Kind
	if f.kinds[kind] == nil {
		f.kinds[kind] = rate.NewLimiter(kindRate, kindBurst)
	}
	return f.of(about).limit.AllowN(at, 1) && f.kinds[kind].AllowN(at, 1)
}

func (f *flood) of(about *api.Object) *told {
	if t, ok := f.objects.Get(about.UID); ok {
		return t.(*told)
	}
	t := &told{limit: rate.NewLimiter(rate.Every(objectEvery), objectBurst), reasons: map[[2]string]*similar{}}
	f.objects.Add(about.UID, t)
	return t
}
