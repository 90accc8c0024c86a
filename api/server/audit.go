package server

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// auditWithin is how long the record of a call that has no effect may take.
const auditWithin = 10 * time.Second

// audit keeps a record of every call that changes something, or would have:
//
//   - what it changed is recorded by the store in the write itself (auditedStore),
//   - a call that succeeds without such a write (a dry run, a token) is recorded before its
//     answer goes out (gate), and fails when that can't be done,
//   - a call that is refused is recorded when that is known, as well as the store can now. What
//     anybody can cause as fast as he likes is counted after a while, in place of a record each (floods).
//
// Reads have a record when they are refused for lack of rights. Reviews change nothing, the
// runners' protocol is about tasks, not objects: both count as reads.
func (s *Server) audit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.cfg.Audit == nil || open(c.Request().URL.Path) {
			return next(c)
		}
		t := newTrail(s, c)
		if !t.mutates {
			err := next(c)
			t.refused(err)
			return err
		}
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), trailKey{}, t)))
		g := &gate{ResponseWriter: c.Response().Writer, trail: t}
		c.Response().Writer = g
		err := next(c)
		c.Response().Writer = g.ResponseWriter
		if g.err != nil {
			c.Response().Committed = false // nothing went out
			return g.err
		}
		t.refused(err)
		return err
	}
}

// trail is what the audit knows of one call.
type trail struct {
	server  *Server
	echo    echo.Context
	target  target
	verb    string
	mutates bool
	effects atomic.Int64 // writes that the store has recorded
	dry     atomic.Bool
}

type trailKey struct{}

// trailOf is nil outside a call that is recorded.
func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

func newTrail(s *Server, c echo.Context) *trail {
	r := c.Request()
	t := &trail{server: s, echo: c, verb: strings.ToLower(r.Method)}
	resource, ok := parsePath(r.URL.Path)
	if ok && resource.resource != "" {
		t.target, t.verb = resource, verbOf(r, resource)
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		_, review := findVirtual(t.target)
		t.mutates = !review && !strings.HasPrefix(r.URL.Path, "/runner/")
	}
	return t
}

// done records a call that succeeds, if the store has not.
func (t *trail) done(code int) error {
	if t.effects.Load() > 0 && t.verb != "deletecollection" {
		return nil
	}
	return t.append(t.withoutEffect(code))
}

// refused records a call that failed, unless it had its effect before that.
func (t *trail) refused(err error) {
	if err == nil || (t.effects.Load() > 0 && t.verb != "deletecollection") {
		return
	}
	status := statusOf(err, infoOf(t.echo))
	record := t.refusal(status)
	flood := t.server.floods.of(t.mutates, record)
	if flood == nil && !t.mutates {
		return
	}
	if flood != nil {
		var keep bool
		if record, keep = flood.take(record); !keep {
			t.server.metrics.dropped.Inc()
			return
		}
	}
	if err := t.append(record); err != nil {
		t.server.metrics.unkept.Inc()
		t.server.cfg.Log.Error("keep the audit record of a refused request",
			"request_id", record.RequestID, "user", record.User, "verb", record.Verb, "code", record.Code, "error", err.Error())
	}
}
