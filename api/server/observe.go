package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
)

// metrics are what the server counts.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	watches  *prometheus.GaugeVec
	dropped  prometheus.Counter // audit records of refusals that are only counted
	unkept   prometheus.Counter // audit records that could not be kept
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "powernode_api_requests_total", Help: "Requests answered, by what they asked for and the status code.",
		}, []string{"verb", "resource", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "powernode_api_request_duration_seconds", Help: "Time to answer, without watches and other answers that last.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"verb", "resource"}),
		watches: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "powernode_api_watches", Help: "Watches that are open.",
		}, []string{"resource"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "powernode_api_audit_dropped_total", Help: "Refused requests that have no audit record of their own, as there were too many like them; another record has their number.",
		}),
		unkept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "powernode_api_audit_failures_total", Help: "Audit records of refused requests that could not be kept.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.watches, m.dropped, m.unkept} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register API metrics: %w", err)
		}
	}
	return m, nil
}

// observe counts and logs every request, after its answer, errors included.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		i, took := infoOf(c), time.Since(start)
		if i.verb == "" {
			i.verb = "get"
			if c.Request().Method != http.MethodGet {
				i.verb = "other"
			}
		}
		s.metrics.requests.WithLabelValues(i.verb, i.resource, strconv.Itoa(c.Response().Status)).Inc()
		if !i.streaming {
			s.metrics.duration.WithLabelValues(i.verb, i.resource).Observe(took.Seconds())
		}
		s.cfg.Log.LogAttrs(c.Request().Context(), levelOf(c), "request",
			slog.String("request_id", i.requestID), slog.String("user", i.user.Name),
			slog.String("verb", i.verb), slog.String("path", c.Request().URL.Path),
			slog.Int("status", c.Response().Status), slog.Duration("took", took))
		return nil
	}
}

// levelOf keeps out of the ordinary log what only reads, what runners say, and the signs of
// life that holders of Leases give every few seconds.
func levelOf(c echo.Context) slog.Level {
	switch c.Request().Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return slog.LevelDebug
	}
	i := infoOf(c)
	if i.resource == runnerResource || renewsLease(i) && c.Response().Status < http.StatusBadRequest {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func renewsLease(i *info) bool {
	return i.target.group == coordinationv1.GroupName && i.resource == "leases" && (i.verb == "update" || i.verb == "patch")
}

// recover turns a panic into an internal error, which is logged with its stack.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(r)
			}
			s.cfg.Log.Error("panic in request", "request_id", infoOf(c).requestID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}()
		return next(c)
	}
}
