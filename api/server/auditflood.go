package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/powernode/powernode/api/audit"
)

// What is kept of refusals that cost the caller nothing and us a write each.
const (
	floodRate  = 10 // a second
	floodBurst = 100
	// The same refusal to the same user again.
	repeatEvery = time.Minute
	repeatBurst = 10
	// mostRepeats is how many such refusals are told apart at once; those beyond them share a bound.
	mostRepeats = 1000
	// floodTold is how often it is told what was not recorded.
	floodTold = time.Minute
)

// floods bounds what is recorded of refusals that anybody can cause as fast as he likes. What has no
// record of its own is counted, and the count is in the next record of its sort.
type floods struct {
	unknown, readers, crowded, others *flood

	mu      sync.Mutex
	repeats map[refused]*flood
}

// refused is what is the same when somebody tries in vain what he may not do, again and again.
type refused struct{ user, by, verb, group, resource, subresource, namespace, name, path string }

func newFloods() *floods {
	often := func() *flood { return newFlood(floodRate, floodBurst) }
	return &floods{unknown: often(), readers: often(), crowded: often(), others: often(), repeats: map[refused]*flood{}}
}

// of is the bound for a refusal; nil when there is none.
func (f *floods) of(mutates bool, r audit.Record) *flood {
	switch {
	case r.Code == http.StatusUnauthorized:
		return f.unknown
	case r.Code == http.StatusForbidden && !mutates:
		return f.readers
	case r.Code == http.StatusForbidden:
		return f.repeat(refused{r.User, r.ImpersonatedBy, r.Verb, r.Group, r.Resource, r.Subresource, r.Namespace, r.Name, r.Path})
	case r.Code == http.StatusTooManyRequests && mutates: // or what is turned away for load would load the store
		return f.crowded
	}
	return nil
}

// repeat is the bound of one refusal.
func (f *floods) repeat(of refused) *flood {
	f.mu.Lock()
	defer f.mu.Unlock()
	if had, ok := f.repeats[of]; ok {
		return had
	}
	if len(f.repeats) >= mostRepeats {
		return f.others
	}
	made := newFlood(rate.Every(repeatEvery), repeatBurst)
	f.repeats[of] = made
	return made
}

// due are the records that tell what was not recorded: all of them at the end, else as far as they may be
// kept now. What has not happened again for long is forgotten.
func (f *floods) due(end bool) (records []audit.Record) {
	f.mu.Lock()
	all := []*flood{f.unknown, f.readers, f.crowded, f.others}
	for of, one := range f.repeats {
		all = append(all, one)
		if one.rested() {
			delete(f.repeats, of)
		}
	}
	f.mu.Unlock()
	for _, one := range all {
		if record, ok := one.due(end); ok {
			records = append(records, record)
		}
	}
	return records
}

// flood is a bucket of tokens, and what went without one since the last record.
type flood struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	dropped int
	last    audit.Record // of the dropped
}

func newFlood(often rate.Limit, burst int) *flood {
	return &flood{limiter: rate.NewLimiter(often, burst)}
}

// take says whether to keep a record now; it gains what is to be said about those that were not kept.
func (f *flood) take(r audit.Record) (audit.Record, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.limiter.Allow() {
		f.dropped++
		f.last = r
		return r, false
	}
	r.Message += droppedBefore(f.dropped)
	f.dropped = 0
	return r, true
}

// due is the last record that was dropped, with the number of the others, if it may be kept now.
func (f *flood) due(end bool) (audit.Record, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropped == 0 || !end && !f.limiter.Allow() {
		return audit.Record{}, false
	}
	r := f.last
	r.Message += droppedBefore(f.dropped - 1)
	f.dropped, f.last = 0, audit.Record{}
	return r, true
}

// rested reports whether nothing is left of it.
func (f *flood) rested() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped == 0 && f.limiter.Tokens() >= float64(f.limiter.Burst())
}

// droppedBefore speaks of refusals that have no record.
func droppedBefore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d more were refused like this and not recorded: too many at once)", n)
}

// tellDropped records now and then what was refused and not recorded, and once more when ctx ends.
func (s *Server) tellDropped(ctx context.Context) {
	for tick := time.NewTicker(floodTold); ctx.Err() == nil; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
		}
		for _, record := range s.floods.due(ctx.Err() != nil) {
			within, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditWithin)
			if err := s.cfg.Audit.Append(within, record); err != nil {
				s.metrics.unkept.Inc()
				s.cfg.Log.Error("keep the audit record of refused requests", "user", record.User, "verb", record.Verb, "error", err)
			}
			cancel()
		}
	}
}
