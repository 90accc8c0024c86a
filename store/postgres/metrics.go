package postgres

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/store"
)

// metrics tells how the store is doing.
type metrics struct {
	registerer prometheus.Registerer
	batches    prometheus.Counter
	ops        prometheus.Histogram
	duration   prometheus.Histogram
	records    prometheus.Counter
	sealed     prometheus.Counter
	opened     prometheus.Counter
	unreadable prometheus.Gauge
	gauges     []prometheus.Collector
}

func newMetrics(r prometheus.Registerer, hub *store.Hub) *metrics {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help}, value)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "powernode", Subsystem: "store", Name: name, Help: help})
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
		unreadable: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "powernode", Subsystem: "store", Name: "unreadable_objects", Help: "Objects whose document does not open: a key is missing, or the row was changed."}),
		ops:      histogram("batch_writes", "Writes in a batch.", prometheus.ExponentialBuckets(1, 2, 8)),
		duration: histogram("batch_seconds", "Time from sending a batch to its answer.", prometheus.ExponentialBuckets(0.0002, 2, 16)),
		gauges: []prometheus.Collector{
			gauge("watchers", "Open watches.", func() float64 { return float64(hub.Watchers()) }),
			gauge("revision", "The latest revision in memory.", func() float64 { return float64(hub.Position()) }),
		},
	}
	for _, c := range m.all() {
		if r != nil {
			r.MustRegister(c)
		}
	}
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.batches, m.ops, m.duration, m.records, m.sealed, m.opened, m.unreadable}, m.gauges...)
}

// batch counts one batch.
func (m *metrics) batch(ops int, took time.Duration) {
	m.batches.Inc()
	m.ops.Observe(float64(ops))
	m.duration.Observe(took.Seconds())
}

func (m *metrics) unregister() {
	for _, c := range m.all() {
		if m.registerer != nil {
			m.registerer.Unregister(c)
		}
	}
}
