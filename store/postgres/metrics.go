package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// metrics tells how the store is doing.
type metrics struct {
	registerer prometheus.Registerer
	batches    prometheus.Counter
	ops        prometheus.Histogram
	duration   prometheus.Histogram
	writes     *prometheus.CounterVec
	records    prometheus.Counter
	sealed     prometheus.Counter
	opened     prometheus.Counter
	unreadable prometheus.Gauge
	keys       prometheus.Gauge
	all        []prometheus.Collector
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		registerer: r,
		batches:    counter("batches_total", "Batches of writes sent to the database."),
		records:    counter("audit_records_total", "Audit records committed, with a write or alone."),
		sealed:     counter("sealed_total", "Documents encrypted on their way into the database."),
		opened:     counter("opened_total", "Documents decrypted on their way out of the database."),
		unreadable: gauge("unreadable_objects", "Objects whose document does not open: a key is missing, or the row was changed."),
		keys:       gauge("sealing_keys", "Keys that secrets are, or were, encrypted with: more than one until a former key is dropped after a rotation."),
		ops:        histogram("batch_writes", "Writes in a batch.", prometheus.ExponentialBuckets(1, 2, 8)),
		duration:   histogram("batch_duration_seconds", "Time from sending a batch to its answer.", prometheus.ExponentialBuckets(0.0002, 2, 16)),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "powernode", Subsystem: "store", Name: "writes_total",
			Help: "Writes by what became of them: ok; conflict (another write was first); fenced; unavailable (not done, the database is away); unknown (done or not); refused."}, []string{"result"}),
	}
	for _, result := range writeResults {
		m.writes.WithLabelValues(result) // so that it can be seen to be 0
	}
	m.register(m.batches, m.ops, m.duration, m.writes, m.records, m.sealed, m.opened, m.unreadable, m.keys)
	return m
}

// The results that writes are counted by.
var writeResults = []string{"ok", "conflict", "fenced", "unavailable", "unknown", "refused"}

// wrote counts a write by its outcome.
func (m *metrics) wrote(err error) {
	result := "refused"
	switch {
	case err == nil:
		result = "ok"
	case errors.Is(err, errLost):
		result = "conflict"
	case errors.Is(err, store.ErrFenced):
		result = "fenced"
	case errors.Is(err, api.ErrUnknownOutcome):
		result = "unknown"
	case errors.Is(err, api.ErrUnavailable), errors.Is(err, api.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		result = "unavailable"
	}
	m.writes.WithLabelValues(result).Inc()
}

// of adds what the parts of a store know.
func (m *metrics) of(s *Store) {
	gauge := func(name, help string, value func() float64) {
		m.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help}, value))
	}
	gauge("watchers", "Open watches.", func() float64 { return float64(s.hub.Watchers()) })
	gauge("revision", "The latest revision in memory.", func() float64 { return float64(s.hub.Position()) })
	gauge("queued_writes", "Writes that wait for the next batch.", func() float64 { return float64(s.writer.waiting()) })
	gauge("watch_cache_lag_revisions", "Revisions that the database is known to have and the memory does not.", s.follow.behind)
	gauge("watch_cache_age_seconds", "Time since the memory was last known to have all that the database had: about a second where all is well.", s.follow.age)
	gauge("listener_up", "1 while the connection that hears of other servers' changes stands; else they are seen a second later.", func() float64 {
		if s.listen.up.Load() {
			return 1
		}
		return 0
	})
	gauge("ready", "1 while the store can work: the database answers, and the listener is up.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), readyTime)
		defer cancel()
		if s.Ready(ctx) != nil {
			return 0
		}
		return 1
	})
}

// readyTime is how long a look at the metrics waits for the database.
const readyTime = 2 * time.Second

func (m *metrics) register(all ...prometheus.Collector) {
	m.all = append(m.all, all...)
	for _, c := range all {
		if m.registerer != nil {
			m.registerer.MustRegister(c)
		}
	}
}

// batch counts one batch.
func (m *metrics) batch(ops int, took time.Duration) {
	m.batches.Inc()
	m.ops.Observe(float64(ops))
	m.duration.Observe(took.Seconds())
}

func (m *metrics) unregister() {
	for _, c := range m.all {
		if m.registerer != nil {
			m.registerer.Unregister(c)
		}
	}
}
