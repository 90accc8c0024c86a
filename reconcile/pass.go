package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

// Finalizer is what the engine puts on an object before its first pass, and
// takes off when the controller's Delete is done.
const Finalizer = "powernode.io/controller"

// storeTimeout bounds the engine's own writes of a pass; they come after the
// controller, who may have used up the pass's deadline.
const storeTimeout = 30 * time.Second

// quietConflicts is how many lost races in a row are not worth a word to the owner.
const quietConflicts = 3

// ending is how a pass ended, for the queue.
type ending struct {
	result string
	after  time.Duration
}

// pass is one pass: of which key, and by what right it writes.
type pass struct {
	*controller
	turn
	slot   int
	member string      // whose tenure it is; "" for alone
	store  store.Store // fences the writes by it
}

// run works on the object once: read it, put the finalizer on, call the
// controller, store what came of it.
func (p *pass) run(ctx context.Context) ending {
	obj, err := p.read(ctx)
	if err != nil {
		return p.storeFailed(ctx, p.key, "read", err)
	}
	if at := p.locationOf(obj); at != (location{p.group, p.slot}) { // it moved since the feed told
		p.relocate(p.key, at)
		p.ask(p.key, 0)
		return ending{result: resultGone}
	}
	if deleting := obj.DeletionTimestamp != nil; deleting && !hasFinalizer(obj) {
		return ending{result: resultGone}
	} else if !deleting && !hasFinalizer(obj) && !p.kind.options.bare {
		if obj, err = p.addFinalizer(ctx, obj); err != nil {
			return p.storeFailed(ctx, p.key, "add finalizer", err)
		}
	}
	out := p.call(ctx, obj)
	if ctx.Err() != nil { // ended from outside: whatever it says is about that
		return ending{result: resultInterrupted}
	}
	if lostRace(out) && p.failures < quietConflicts { // nothing to tell the owner: the next pass reads what is there now
		p.record(obj, out.notices...)
		return ending{result: resultConflict}
	}
	return p.conclude(ctx, obj, out)
}

func (p *pass) read(ctx context.Context) (*api.Object, error) {
	if err := failpoint.Hit("read.before"); err != nil {
		return nil, err
	}
	obj, err := p.store.Get(ctx, p.key)
	return obj, failpoint.After("read.after", err)
}

// call is the controller's part of the pass.
func (p *pass) call(ctx context.Context, obj *api.Object) outcome {
	ctx, cancel := context.WithTimeout(ctx, p.engine.passTimeout)
	defer cancel()
	if err := failpoint.Hit("controller.before"); err != nil {
		return outcome{err: err, status: obj.Status}
	}
	out := p.kind.run(ctx, obj, &objects{
		store: p.store, reads: p.engine.reads, reader: obj.Key(), follow: p.engine.follow,
	})
	out.err = failpoint.After("controller.after", out.err)
	if out.stack != nil {
		p.log(obj.Key()).Error("a controller crashed", "panic", string(out.stack))
	}
	if out.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		out.err = Because("TimedOut", fmt.Errorf("not finished within %v: %w", p.engine.passTimeout, out.err))
	}
	return out
}

// conclude stores the outcome: it releases a deleted object, else writes the status.
func (p *pass) conclude(ctx context.Context, obj *api.Object, out outcome) ending {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	end := ending{result: resultOf(out), after: out.result.After}
	if p.kind.options.bare {
		p.record(obj, append(out.notices, failure(out)...)...)
		return end
	}
	if obj.DeletionTimestamp != nil && end.result == resultDone {
		p.record(obj, out.notices...)
		if err := p.removeFinalizer(ctx, obj); err != nil {
			return p.storeFailed(ctx, obj.Key(), "remove finalizer", err)
		}
		return ending{result: resultDone}
	}
	notices, err := p.storeStatus(ctx, obj, out)
	p.record(obj, notices...)
	if err != nil {
		return p.storeFailed(ctx, obj.Key(), "write status", err)
	}
	return end
}

// failure is an error of a pass for those who have no conditions to read.
func failure(out outcome) []Notice {
	if out.err == nil {
		return nil
	}
	_, reason, message := verdict(out)
	return []Notice{{Type: "Warning", Reason: reason, Message: message}}
}

// storeStatus writes the status if it differs, and returns what there is to tell the owner.
func (p *pass) storeStatus(ctx context.Context, obj *api.Object, out outcome) ([]Notice, error) {
	stored, left := commonOf(obj.Status), commonOf(out.status)
	now := metav1.NewTime(time.Now().Truncate(time.Second).UTC())
	common := api.CommonStatus{
		ObservedGeneration: obj.Generation,
		Conditions:         conditions(out, obj.Generation, now, left.Conditions, stored.Conditions),
	}
	status, err := withCommon(out.status, common)
	if err != nil {
		return out.notices, err
	}
	if api.SameJSON(status, obj.Status) {
		return out.notices, nil
	}
	next := obj.Clone()
	next.Status = status
	if err := failpoint.Hit("status.before"); err != nil {
		return out.notices, err
	}
	if _, err := p.store.UpdateStatus(ctx, next, p.by()); err != nil {
		return out.notices, err
	}
	if err := failpoint.Hit("status.after"); err != nil {
		return out.notices, err
	}
	return append(out.notices, turned(stored.Conditions, common.Conditions, out)...), nil
}

// record tells the owner, fenced like all that the pass writes.
func (p *pass) record(obj *api.Object, notices ...Notice) {
	p.engine.recorder.record(p.member, obj, notices...)
}

func (p *pass) addFinalizer(ctx context.Context, obj *api.Object) (*api.Object, error) {
	next := obj.Clone()
	next.Finalizers = append(next.Finalizers, Finalizer)
	if err := failpoint.Hit("finalizer.before"); err != nil {
		return nil, err
	}
	next, err := p.store.Update(ctx, next, p.by())
	return next, failpoint.After("finalizer.after", err)
}

func (p *pass) removeFinalizer(ctx context.Context, obj *api.Object) error {
	next := obj.Clone()
	next.Finalizers = slices.DeleteFunc(next.Finalizers, func(f string) bool { return f == Finalizer })
	if err := failpoint.Hit("release.before"); err != nil {
		return err
	}
	_, err := p.store.Update(ctx, next, p.by())
	return failpoint.After("release.after", err)
}

func hasFinalizer(obj *api.Object) bool { return slices.Contains(obj.Finalizers, Finalizer) }

// storeFailed judges an error of the engine's own reads and writes. It can't be put into the
// object's status, so it goes to the log.
func (p *pass) storeFailed(ctx context.Context, key api.Key, doing string, err error) ending {
	switch {
	case errors.Is(err, store.ErrFenced):
		return ending{result: resultFenced}
	case errors.Is(ctx.Err(), context.Canceled): // the tenure is over
		return ending{result: resultInterrupted}
	case errors.Is(err, api.ErrNotFound):
		return ending{result: resultGone}
	case errors.Is(err, api.ErrConflict):
		return ending{result: resultConflict}
	}
	p.log(key).Warn("a pass met an error of the store", "doing", doing, "error", err)
	return ending{result: resultError}
}

// lostRace reports whether the controller itself met a conflict.
func lostRace(out outcome) bool { return errors.Is(out.err, api.ErrConflict) && !IsPermanent(out.err) }

func resultOf(out outcome) string {
	switch {
	case out.stack != nil:
		return resultPanic
	case IsPermanent(out.err):
		return resultPermanent
	case out.err != nil:
		return resultError
	case out.result.Waiting != "":
		return resultWaiting
	}
	return resultDone
}

func (c *controller) by() store.WriteOption { return store.By("controller of " + c.kind.Name) }
