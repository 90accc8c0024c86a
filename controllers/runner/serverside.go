package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/client"
	protocol "github.com/powernode/powernode/api/runner"
)

// keepLease renews until life ends. stop is told of a cancellation, lost of the
// lease's loss. A server that does not answer changes nothing: the step goes on.
func (t *task) keepLease(life context.Context, stop context.CancelCauseFunc) {
	wait := max(time.Duration(t.record.LeaseSeconds)*time.Second/3, time.Second)
	for poll := time.Duration(0); life.Err() == nil; poll = wait {
		renewal, err := t.lease.Renew(life, poll)
		switch {
		case client.Gone(err):
			if !t.reporting.Load() {
				t.lost(errLost)
			}
			return
		case err != nil:
			pause(life, time.Second)
		case renewal.Cancel:
			stop(errCancelled)
			pause(life, wait)
		}
	}
}

// openLog finds out where this execution's output goes in the log of the
// attempt, once.
func (t *task) openLog(ctx context.Context) error {
	if t.record.LogBase >= 0 {
		return nil
	}
	if t.adopted {
		return errInterrupted // it was not begun
	}
	end, err := t.lease.AppendLog(ctx, 0, nil)
	if err != nil {
		return err
	}
	t.record.LogBase = end
	if err := t.dir.writeJSON("task.json", t.record); err != nil {
		return err
	}
	if end > 0 {
		t.say(fmt.Sprintf("\n[the runner that had this step was lost; %s begins it again]", t.agent.Name))
	}
	return nil
}

// ship sends the output as it grows, until over is closed and all of it is
// there. Its error says that the lease is gone; a log that can't be had for
// another reason does not keep the step from being reported.
func (t *task) ship(ctx context.Context, over <-chan struct{}) error {
	err := t.shipAll(ctx, over)
	if client.Gone(err) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		t.log.Error("a part of the step's output is lost", "error", err)
	}
	return nil
}

// shipAll goes by where the server's log ends: that is the one truth about
// what has arrived.
func (t *task) shipAll(ctx context.Context, over <-chan struct{}) error {
	f, err := os.Open(t.dir.path("output.log"))
	if err != nil {
		return err
	}
	defer f.Close()
	base := t.record.LogBase
	sent, chunk, last := int64(0), make([]byte, 256<<10), false
	if t.adopted {
		if sent, base, err = t.append(ctx, base, 0, nil); err != nil {
			return err
		}
	}
	for {
		n, err := f.ReadAt(chunk, sent)
		if n > 0 {
			if sent, base, err = t.append(ctx, base, sent, chunk[:n]); err != nil {
				return err
			}
			continue
		}
		if err != nil && last {
			return nil
		}
		select {
		case <-over:
			last = true // one more look, since it may have grown meanwhile
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookPause):
		}
	}
}

// append sends data that starts at sent of our output and returns how much of
// the output the server has. A log that ends where it never can have by our
// doing is one the server lost a part of; the rest is added to what is there.
func (t *task) append(ctx context.Context, base, sent int64, data []byte) (int64, int64, error) {
	end, err := t.lease.AppendLog(ctx, base+sent, data)
	if err != nil {
		return sent, base, err
	}
	info, err := os.Stat(t.dir.path("output.log"))
	if err != nil {
		return sent, base, err
	}
	if end < base || end > base+info.Size() {
		return sent, end - sent, nil
	}
	return end - base, base, nil
}

// report tells the result until the server has it. A result that the server
// will not take is replaced by a failure that says so.
func (t *task) report(ctx context.Context, raw json.RawMessage) error {
	for {
		err := t.lease.Finish(ctx, raw)
		switch {
		case err == nil:
			t.log.Info("step reported")
			return nil
		case client.Gone(err):
			return errLost
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, api.ErrInvalid):
			refused := t.refused(raw, err)
			if string(refused) == string(raw) {
				return err
			}
			raw = refused
		default:
			t.log.Error("the server refuses the result; it is tried again", "error", err)
			pause(ctx, 5*time.Second)
		}
	}
}

// refused keeps of a result what can't be the reason for its refusal.
func (t *task) refused(raw json.RawMessage, why error) json.RawMessage {
	var was protocol.Result
	_ = json.Unmarshal(raw, &was)
	now, err := json.Marshal(protocol.Result{
		Conclusion: protocol.Failure, Reason: "ResultRefused", Message: "the server refused the result of the step: " + why.Error(),
		Started: was.Started, Finished: was.Finished,
	})
	if err != nil || was.Reason == "ResultRefused" {
		return raw
	}
	return now
}
