package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/api"
)

// An event is one thing that happened to a run that is followed: exactly one of
// its fields is set.
type event struct {
	Run    *runState
	Log    *logPart
	Notice string // about the connection, not about the run
}

// logPart is what was added to the log of an attempt of a step. The parts of a
// step come in order, each byte once, whatever happened to the connection.
type logPart struct {
	Step    string
	Attempt int
	Data    []byte
	End     bool // nothing comes after it; Data is empty
}

// A follower turns a run into events until it is over and all of its logs are
// told. The server may go away and come back meanwhile.
type follower struct {
	client *client
	run    string // the name
	// only, when set, is the one step whose log is told.
	only string
	// attempt, when set, is the one attempt whose log is told; with latest the ones
	// before the present are left out.
	attempt int
	latest  bool
	// tail is how many lines of the log that is there at the start are told; negative is all.
	tail int
	// pause waits before the numbered try; nil is backoff.
	pause func(ctx context.Context, failures int) error
}

// follow sends the events of the run that was first seen as first. It returns
// when the run has ended (nil), is gone, may not be read, or ctx is over.
func (f *follower) follow(ctx context.Context, first *runState, events chan<- event) error {
	group, ctx := errgroup.WithContext(ctx)
	b := newBoard(first)
	logging := map[string]bool{}
	deliver := func(r *runState) error {
		b.post(r)
		if err := send(ctx, events, event{Run: r}); err != nil {
			return err
		}
		for _, s := range r.Steps() {
			if s.Attempts > 0 && !logging[s.Name] && (f.only == "" || f.only == s.Name) {
				logging[s.Name] = true
				group.Go(func() error { return f.followStep(ctx, b, s.Name, events) })
			}
		}
		return nil
	}
	group.Go(func() error { return f.followRun(ctx, first, deliver, events) })
	return group.Wait()
}

// followRun delivers the run's states, from the first to the last. When a watch
// ends, for whatever reason, it reads the present state and watches on from there.
func (f *follower) followRun(ctx context.Context, run *runState, deliver func(*runState) error, events chan<- event) error {
	if err := deliver(run); err != nil {
		return err
	}
	var l link
	for failures := 0; !run.Ended(); failures++ {
		if failures > 0 {
			if err := f.wait(ctx, failures); err != nil {
				return err
			}
		}
		err := f.observe(ctx, func(next *runState) error {
			failures = 0
			if err := notify(ctx, events, l.news(nil)); err != nil || next.Revision == run.Revision {
				return err
			}
			run = next
			return deliver(next)
		})
		if err != nil && (ctx.Err() != nil || permanent(err)) {
			return err
		}
		if err := notify(ctx, events, l.news(err)); err != nil {
			return err
		}
	}
	return nil
}

// A link remembers whether the server was there at the last look.
type link struct{ lost bool }

// news is what to say after a look that ended with err: something once when the
// connection is lost, and once when it is back; empty otherwise.
func (l *link) news(err error) string {
	was := l.lost
	l.lost = err != nil
	switch {
	case l.lost && !was:
		return "connection lost, trying again: " + err.Error()
	case was && !l.lost:
		return connectedAgain
	}
	return ""
}

const connectedAgain = "connected again"

func notify(ctx context.Context, events chan<- event, notice string) error {
	if notice == "" {
		return nil
	}
	return send(ctx, events, event{Notice: notice})
}

// observe delivers the run's present state and those after it until the run has
// ended or the watch does.
func (f *follower) observe(ctx context.Context, deliver func(*runState) error) error {
	now, err := f.client.get(ctx, pipelineRuns, f.run)
	if err != nil {
		return err
	}
	next, err := decodeRun(now)
	if err != nil {
		return err
	}
	if err := deliver(next); err != nil || next.Ended() {
		return err
	}
	var failed error
	err = f.client.watch(ctx, pipelineRuns, f.run, next.Revision, func(o *api.Object) bool {
		next, failed = decodeRun(o)
		if failed == nil {
			failed = deliver(next)
		}
		return failed == nil && !next.Ended()
	})
	return errors.Join(failed, err)
}

func (f *follower) wait(ctx context.Context, failures int) error {
	if f.pause != nil {
		return f.pause(ctx, failures)
	}
	return backoff(ctx, failures)
}

// backoff waits 200 ms after the first failure, twice as long after each next, at most 3 s.
func backoff(ctx context.Context, failures int) error {
	timer := time.NewTimer(min(3*time.Second, 100*time.Millisecond<<min(failures, 10)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func send(ctx context.Context, events chan<- event, e event) error {
	select {
	case events <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
