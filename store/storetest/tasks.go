package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
)

// queue is what a rule of store.Tasks is proved on.
type queue struct {
	*testing.T
	store.Tasks
	lease time.Duration
}

// Tasks proves the rules of store.Tasks on queues that open makes, a fresh one for each, whose
// leases last as long as lease says (a second will do).
func Tasks(t *testing.T, lease time.Duration, open func(t *testing.T) store.Tasks) {
	rules := []struct {
		name string
		test func(q queue)
	}{
		{"offering a task that is there changes nothing", offerTwice},
		{"tasks are leased from the oldest on, to runners that can do them", leaseFitting},
		{"a lease waits for a task until its time is over", leaseWaits},
		{"a task is leased to one runner only", leaseOnce},
		{"a task is finished once, by who holds it", finishOnce},
		{"a cancelled task that nobody holds is finished at once", cancelOffered},
		{"who renews is told of a cancel at once", cancelLeased},
		{"who renews after a drop has lost the lease", dropLeased},
		{"a lease that is not renewed falls back, and its token with it", expire},
		{"a cancelled task whose lease runs out is finished", expireCancelled},
		{"a lease that is renewed is kept", renewKeeps},
		{"a task waits for the runner that it prefers while that is heard of", prefer},
		{"changes tell the owners of unfinished tasks first, and then of each that moves", changes},
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.test(queue{t, open(t), lease}) })
	}
}

var owner = api.Key{Kind: "PipelineRun.powernode.io", Namespace: "default", Name: "run-1"}

func task(id string) runner.Task {
	return runner.Task{ID: id, Owner: owner, OwnerUID: "uid", Payload: json.RawMessage(`{"step": "a"}`)}
}

func (q queue) offer(tasks ...runner.Task) {
	q.Helper()
	for _, task := range tasks {
		if err := q.Offer(q.Context(), task); err != nil {
			q.Fatal(err)
		}
	}
}

// take leases a task for a runner, which must be there soon.
func (q queue) take(claim runner.Claim) runner.TaskState {
	q.Helper()
	ctx, cancel := context.WithTimeout(q.Context(), long)
	defer cancel()
	state, err := q.Lease(ctx, claim)
	if err != nil {
		q.Fatal(err)
	}
	return state
}

// none checks that a runner gets nothing.
func (q queue) none(claim runner.Claim) {
	q.Helper()
	ctx, cancel := context.WithTimeout(q.Context(), 50*time.Millisecond)
	defer cancel()
	state, err := q.Lease(ctx, claim)
	if !errors.Is(err, api.ErrNotFound) {
		q.Fatalf("leased %q, %v", state.ID, err)
	}
}

// state is that of a task, which must be there.
func (q queue) state(id string) runner.TaskState {
	q.Helper()
	of, err := q.Of(q.Context(), "uid")
	if err != nil {
		q.Fatal(err)
	}
	for _, state := range of {
		if state.ID == id {
			return state
		}
	}
	q.Fatalf("there is no task %s", id)
	panic("unreachable")
}

func offerTwice(q queue) {
	q.offer(task("a"))
	held := q.take(runner.Claim{Runner: "r"})
	if !api.SameJSON(held.Payload, task("a").Payload) || held.Owner != owner || held.Phase != runner.TaskLeased || held.Runner != "r" || held.Leases != 1 {
		q.Fatalf("leased %+v", held)
	}
	q.offer(task("a"))
	q.none(runner.Claim{Runner: "r"})
	if s := q.state("a"); s.Phase != runner.TaskLeased || s.Token != "" || s.OfferedAt.IsZero() || s.LeasedAt.IsZero() {
		q.Fatalf("state %+v", s)
	}
}

func leaseFitting(q queue) {
	gpu, docker, plain := task("a"), task("b"), task("c")
	gpu.Labels, docker.Docker = []string{"default", "gpu"}, true
	q.offer(gpu, docker, plain)
	if got := q.take(runner.Claim{Runner: "r", Labels: []string{"default"}}); got.ID != "c" {
		q.Fatalf("leased %s", got.ID)
	}
	q.none(runner.Claim{Runner: "r", Labels: []string{"default"}})
	all := runner.Claim{Runner: "r", Labels: []string{"x", "gpu", "default"}, Docker: true}
	if first, second := q.take(all), q.take(all); first.ID != "a" || second.ID != "b" {
		q.Fatalf("leased %s before %s", first.ID, second.ID)
	}
}

func leaseWaits(q queue) {
	q.none(runner.Claim{Runner: "r"})
	got := make(chan runner.TaskState)
	go func() { got <- q.take(runner.Claim{Runner: "r"}) }()
	q.offer(task("a"))
	if state := <-got; state.ID != "a" {
		q.Fatalf("leased %q", state.ID)
	}
}

func leaseOnce(q queue) {
	for i := range 10 {
		q.offer(task(fmt.Sprint("t", i)))
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	holders := map[string]int{}
	for i := range 5 {
		group.Go(func() {
			for range 2 {
				got := q.take(runner.Claim{Runner: fmt.Sprint("r", i)})
				mu.Lock()
				holders[got.ID]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(holders) != 10 {
		q.Fatalf("leased %v", holders)
	}
}

func finishOnce(q queue) {
	q.offer(task("a"))
	held := q.take(runner.Claim{Runner: "r"})
	if _, err := q.Holder(q.Context(), "a", held.Token); err != nil {
		q.Fatal(err)
	}
	result := json.RawMessage(`{"conclusion":"success"}`)
	wantError(q.T, q.Finish(q.Context(), "a", "foreign", result), api.ErrConflict)
	wantError(q.T, q.Finish(q.Context(), "a", "", result), api.ErrConflict)
	wantError(q.T, q.Finish(q.Context(), "nobody", held.Token, result), api.ErrNotFound)
	for range 2 {
		if err := q.Finish(q.Context(), "a", held.Token, result); err != nil {
			q.Fatal(err)
		}
	}
	wantError(q.T, q.Finish(q.Context(), "a", held.Token, json.RawMessage(`{}`)), api.ErrConflict)
	_, err := q.Holder(q.Context(), "a", held.Token)
	wantError(q.T, err, api.ErrConflict)
	if s := q.state("a"); s.Phase != runner.TaskFinished || !api.SameJSON(s.Result, result) || s.Runner != "r" || s.EndedAt.IsZero() {
		q.Fatalf("state %+v", s)
	}
}

func cancelOffered(q queue) {
	q.offer(task("a"), task("b"))
	if err := q.Cancel(q.Context(), "uid", "b"); err != nil {
		q.Fatal(err)
	}
	if s := q.state("b"); s.Phase != runner.TaskFinished || !s.Cancelled || s.Result != nil || s.EndedAt.IsZero() {
		q.Fatalf("state %+v", s)
	}
	if s := q.state("a"); s.Phase != runner.TaskOffered || s.Cancelled {
		q.Fatalf("state %+v", s)
	}
	if got := q.take(runner.Claim{Runner: "r"}); got.ID != "a" {
		q.Fatalf("leased %s", got.ID)
	}
}

func cancelLeased(q queue) {
	q.offer(task("a"))
	held := q.take(runner.Claim{Runner: "r"})
	told := make(chan runner.TaskState)
	go func() {
		state, err := q.Renew(q.Context(), "a", held.Token, long)
		if err != nil {
			q.Error(err)
		}
		told <- state
	}()
	if err := q.Cancel(q.Context(), "uid"); err != nil {
		q.Fatal(err)
	}
	if state := <-told; !state.Cancelled || state.Phase != runner.TaskLeased {
		q.Fatalf("told %+v", state)
	}
	if err := q.Finish(q.Context(), "a", held.Token, json.RawMessage(`{"conclusion":"cancelled"}`)); err != nil {
		q.Fatal(err)
	}
}

func dropLeased(q queue) {
	q.offer(task("a"))
	held := q.take(runner.Claim{Runner: "r"})
	told := make(chan error)
	go func() {
		_, err := q.Renew(q.Context(), "a", held.Token, long)
		told <- err
	}()
	if err := q.Drop(q.Context(), "uid"); err != nil {
		q.Fatal(err)
	}
	wantError(q.T, <-told, api.ErrNotFound)
	if of, err := q.Of(q.Context(), "uid"); err != nil || len(of) != 0 {
		q.Fatalf("left %v, %v", of, err)
	}
}

func expire(q queue) {
	q.offer(task("a"))
	start := time.Now()
	first := q.take(runner.Claim{Runner: "one"})
	second := q.take(runner.Claim{Runner: "two"})
	if took := time.Since(start); second.Leases != 2 || second.Token == first.Token || took < q.lease {
		q.Fatalf("leased again after %v: %+v", took, second)
	}
	_, err := q.Renew(q.Context(), "a", first.Token, 0)
	wantError(q.T, err, api.ErrConflict)
	wantError(q.T, q.Finish(q.Context(), "a", first.Token, nil), api.ErrConflict)
	if err := q.Finish(q.Context(), "a", second.Token, json.RawMessage(`{}`)); err != nil {
		q.Fatal(err)
	}
}

func expireCancelled(q queue) {
	q.offer(task("a"))
	q.take(runner.Claim{Runner: "one"})
	if err := q.Cancel(q.Context(), "uid"); err != nil {
		q.Fatal(err)
	}
	for end := time.Now().Add(long); q.state("a").Phase != runner.TaskFinished; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			q.Fatal("the cancelled task is held for ever")
		}
	}
	if s := q.state("a"); s.Result != nil {
		q.Fatalf("state %+v", s)
	}
}

func renewKeeps(q queue) {
	q.offer(task("a"))
	held := q.take(runner.Claim{Runner: "r"})
	if _, err := q.Renew(q.Context(), "a", held.Token, 3*q.lease); err != nil {
		q.Fatal(err)
	}
	if s := q.state("a"); s.Phase != runner.TaskLeased || s.Leases != 1 {
		q.Fatalf("state %+v", s)
	}
}

func prefer(q queue) {
	q.none(runner.Claim{Runner: "dear"}) // it is heard of
	heard := time.Now()
	wanted := task("a")
	wanted.Prefer = "dear"
	q.offer(wanted)
	got := q.take(runner.Claim{Runner: "other"})
	if waited := time.Since(heard); waited < q.lease {
		q.Fatalf("another runner got %s after %v", got.ID, waited)
	}
	again := task("b")
	again.Prefer = "dear"
	q.offer(again)
	if got := q.take(runner.Claim{Runner: "dear"}); got.ID != "b" {
		q.Fatalf("leased %s", got.ID)
	}
}

func changes(q queue) {
	q.offer(task("a"))
	ctx, cancel := context.WithCancel(q.Context())
	told, ended := make(chan api.Key, 1), make(chan error, 1)
	go func() {
		ended <- q.Changes(ctx, func(k api.Key) {
			select {
			case told <- k:
			case <-ctx.Done():
			}
		})
	}()
	expect := func(after string) {
		q.Helper()
		select {
		case k := <-told:
			if k != owner {
				q.Fatalf("told of %v", k)
			}
		case <-time.After(long):
			q.Fatalf("nothing is told of %s", after)
		}
	}
	drain := func() {
		for {
			select {
			case <-told:
			case <-time.After(50 * time.Millisecond):
				return
			}
		}
	}
	expect("what is unfinished")
	drain()
	held := q.take(runner.Claim{Runner: "r"})
	expect("a lease")
	drain()
	if err := q.Finish(q.Context(), "a", held.Token, json.RawMessage(`{}`)); err != nil {
		q.Fatal(err)
	}
	expect("an end")
	cancel()
	wantError(q.T, <-ended, context.Canceled)
}
