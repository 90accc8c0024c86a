package server

import (
	"context"
	"net/http"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

// gate lets an answer out once the call is on record.
type gate struct {
	http.ResponseWriter
	trail *trail
	err   error // why not
}

// WriteHeader records a success first; when that fails nothing is written.
func (g *gate) WriteHeader(code int) {
	if code >= 200 && code < 400 {
		if g.err = g.trail.done(code); g.err != nil {
			return
		}
	}
	g.ResponseWriter.WriteHeader(code)
}

func (g *gate) Write(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	return g.ResponseWriter.Write(p)
}

// FlushError sends what was written, which is nothing while the call is not on record.
func (g *gate) FlushError() error {
	if g.err != nil {
		return g.err
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (g *gate) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// append keeps a record of its own, though the client may be gone.
func (t *trail) append(r audit.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.echo.Request().Context()), auditWithin)
	defer cancel()
	if err := failpoint.Hit("record.before"); err != nil {
		return err
	}
	err := t.server.cfg.Audit.Append(ctx, r)
	failpoint.At("record.after")
	return err
}

// auditedStore has every write of a call recorded in the write itself, whatever part of the
// server makes it: the context says which call it is.
type auditedStore struct{ store.Store }

func (s auditedStore) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return recorded(ctx, opts, func(opts []store.WriteOption) (*api.Object, error) { return s.Store.Create(ctx, obj, opts...) })
}

func (s auditedStore) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return recorded(ctx, opts, func(opts []store.WriteOption) (*api.Object, error) { return s.Store.Update(ctx, obj, opts...) })
}

func (s auditedStore) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return recorded(ctx, opts, func(opts []store.WriteOption) (*api.Object, error) { return s.Store.UpdateStatus(ctx, obj, opts...) })
}

func (s auditedStore) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return recorded(ctx, opts, func(opts []store.WriteOption) (*api.Object, error) { return s.Store.Delete(ctx, key, pre, opts...) })
}

func recorded(ctx context.Context, opts []store.WriteOption, write func([]store.WriteOption) (*api.Object, error)) (*api.Object, error) {
	t := trailOf(ctx)
	if t == nil {
		return write(opts)
	}
	if err := failpoint.Hit("request.before"); err != nil {
		return nil, err
	}
	obj, err := write(append(opts[:len(opts):len(opts)], store.Audited(t.effect), store.Passing(renewal)))
	failpoint.At("request.after")
	switch {
	case err != nil:
	case store.Writing(opts...).DryRun:
		t.dry.Store(true)
	case t.names(obj.Key().Kind):
		t.effects.Add(1)
	}
	return obj, err
}
