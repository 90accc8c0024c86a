package docker

import (
	"context"
	"errors"
	"time"

	"github.com/powernode/powernode/api"
)

// ErrPulling means that a pull is under way; who asked is hinted when it ends.
var ErrPulling = errors.New("the image is being pulled")

// forgetPull is how long the outcome of a pull is kept for one who does not come back for it.
const forgetPull = 10 * time.Minute

// pull is one pull and those who wait for it.
type pull struct {
	waiters map[api.Key]bool
	ended   time.Time // zero while it is under way
	err     error
}

// Pull has the engine at target fetch an image. Pulls are slow, so the first
// call of a waiter starts one (or joins one that is under way) and returns ErrPulling;
// when it has ended the waiter is hinted, and its next call returns the outcome, once.
// With nobody subscribed to hints there is nobody to tell: then Pull waits itself.
func (p *Pool) Pull(ctx context.Context, target Target, ref string, waiter api.Key) error {
	engine, err := p.Engine(target)
	if err != nil {
		return err
	}
	id := target.fingerprint() + " " + ref
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetPulls()
	if known := p.pulls[id]; known != nil && (known.ended.IsZero() || known.waiters[waiter]) {
		return known.take(waiter, func() { delete(p.pulls, id) })
	}
	if p.streams == nil {
		p.mu.Unlock()
		defer p.mu.Lock()
		return engine.Pull(ctx, ref)
	}
	if p.pulls == nil {
		p.pulls = map[string]*pull{}
	}
	begun := &pull{waiters: map[api.Key]bool{waiter: true}}
	p.pulls[id] = begun
	p.fetch(engine, ref, begun)
	return ErrPulling
}

// take returns the outcome to a waiter, or lets it wait.
func (l *pull) take(waiter api.Key, forget func()) error {
	if l.ended.IsZero() {
		l.waiters[waiter] = true
		return ErrPulling
	}
	delete(l.waiters, waiter)
	if len(l.waiters) == 0 {
		forget()
	}
	return l.err
}

// fetch pulls beside; p.mu is held.
func (p *Pool) fetch(engine Engine, ref string, begun *pull) {
	ctx, cancel := p.streams.open()
	p.streams.wait.Go(func() {
		defer cancel()
		err := engine.Pull(ctx, ref)
		p.mu.Lock()
		begun.ended, begun.err = time.Now(), err
		var waiters []api.Key
		for waiter := range begun.waiters {
			waiters = append(waiters, waiter)
		}
		p.mu.Unlock()
		for _, waiter := range waiters {
			p.tell(waiter)
		}
	})
}

func (p *Pool) forgetPulls() {
	for id, known := range p.pulls {
		if !known.ended.IsZero() && time.Since(known.ended) > forgetPull {
			delete(p.pulls, id)
		}
	}
}
