package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// followStep tells the logs of a step's attempts, one after the other.
func (f *follower) followStep(ctx context.Context, b *board, step string, events chan<- event) error {
	first, last := f.attempts(b, step)
	for attempt := first; attempt <= last && b.reaches(ctx, step, attempt); attempt++ {
		if err := f.followAttempt(ctx, b, step, attempt, events); err != nil {
			return err
		}
		if err := send(ctx, events, event{Log: &logPart{Step: step, Attempt: attempt, End: true}}); err != nil {
			return err
		}
	}
	return nil
}

// attempts are the first and the last attempt of the step whose logs are told.
func (f *follower) attempts(b *board, step string) (first, last int) {
	switch {
	case f.attempt > 0:
		return f.attempt, f.attempt
	case f.latest:
		s, _ := b.latest().Step(step)
		return max(s.Attempts, 1), math.MaxInt
	}
	return 1, math.MaxInt
}

// followAttempt tells the log of one attempt: as it grows while the attempt goes
// on, and when that is over the rest of it. The bytes that came count, so a new
// connection goes on exactly where the last one stopped.
func (f *follower) followAttempt(ctx context.Context, b *board, step string, attempt int, events chan<- event) error {
	going, stop := b.going(ctx, step, attempt)
	defer stop()
	q := logQuery{Step: step, Attempt: attempt, Follow: true, Tail: -1}
	if f.tail >= 0 {
		offset, err := f.sendTail(ctx, q, events)
		if err != nil {
			return err
		}
		q.Offset = offset
	}
	for failures := 0; ; failures++ {
		if failures > 0 {
			if err := f.wait(ctx, failures); err != nil {
				return err
			}
		}
		over := going.Err() != nil
		reading := going
		if over {
			q.Follow, reading = false, ctx
		}
		n, err := f.copyLog(ctx, reading, q, events)
		if q.Offset += n; n > 0 {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case over && (err == nil && n == 0 || apierrors.IsNotFound(err)):
			return nil
		case err != nil && permanent(err) && !apierrors.IsNotFound(err):
			return err
		case !over && going.Err() != nil, over && err == nil:
			failures = -1 // read the rest at once, and once more to see that it was all
		}
	}
}

// sendTail sends the last lines of what is there now, and counts all of it.
func (f *follower) sendTail(ctx context.Context, q logQuery, events chan<- event) (int64, error) {
	q.Follow = false
	for failures := 1; ; failures++ {
		stream, err := f.client.log(ctx, pipelineRuns, f.run, q)
		if err == nil {
			var data []byte
			if data, err = io.ReadAll(stream); err == nil {
				stream.Close()
				part := &logPart{Step: q.Step, Attempt: q.Attempt, Data: lastLines(data, f.tail)}
				return int64(len(data)), send(ctx, events, event{Log: part})
			}
			stream.Close()
		}
		if apierrors.IsNotFound(err) {
			return 0, nil
		}
		if permanent(err) {
			return 0, err
		}
		if err := f.wait(ctx, failures); err != nil {
			return 0, err
		}
	}
}

// lastLines is the end of a log from the n-th last line on.
func lastLines(data []byte, n int) []byte {
	start := len(bytes.TrimSuffix(data, []byte("\n")))
	if n <= 0 {
		return nil
	}
	for ; n > 0; n-- {
		if start = bytes.LastIndexByte(data[:start], '\n'); start < 0 {
			return data
		}
	}
	return data[start+1:]
}

// copyLog sends what one request brings, and counts it.
func (f *follower) copyLog(ctx, reading context.Context, q logQuery, events chan<- event) (n int64, err error) {
	stream, err := f.client.log(reading, pipelineRuns, f.run, q)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	buffer := make([]byte, 32<<10)
	for {
		got, err := stream.Read(buffer)
		if got > 0 {
			part := &logPart{Step: q.Step, Attempt: q.Attempt, Data: append([]byte(nil), buffer[:got]...)}
			if err := send(ctx, events, event{Log: part}); err != nil {
				return n, err
			}
			n += int64(got)
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// A board shows the latest state of a run to those who follow its logs.
type board struct {
	mu      sync.Mutex
	run     *runState
	changed chan struct{} // closed and replaced at each post
	ends    map[*attemptEnd]struct{}
}

type attemptEnd struct {
	step    string
	attempt int
	cancel  context.CancelFunc
}

func newBoard(run *runState) *board {
	return &board{run: run, changed: make(chan struct{}), ends: map[*attemptEnd]struct{}{}}
}

func (b *board) post(run *runState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run = run
	close(b.changed)
	b.changed = make(chan struct{})
	for e := range b.ends {
		if run.attemptOver(e.step, e.attempt) {
			e.cancel()
		}
	}
}

func (b *board) latest() *runState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run
}

// going is a context that ends when the attempt is over; stop releases it.
func (b *board) going(ctx context.Context, step string, attempt int) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.run.attemptOver(step, attempt) {
		cancel()
	}
	e := &attemptEnd{step, attempt, cancel}
	b.ends[e] = struct{}{}
	return ctx, func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ends, e)
	}
}

// reaches waits until the step has the numbered attempt (true), or is over without it.
func (b *board) reaches(ctx context.Context, step string, attempt int) bool {
	for {
		b.mu.Lock()
		run, changed := b.run, b.changed
		b.mu.Unlock()
		s, found := run.Step(step)
		switch {
		case found && s.Attempts >= attempt:
			return true
		case !found || ended(s.Phase) || run.Ended():
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
