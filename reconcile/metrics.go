package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the engine does. Labels are kinds and results, never names.
type metrics struct {
	passes   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
}

// The results that passes are counted by.
const (
	resultDone      = "done"
	resultWaiting   = "waiting"
	resultError     = "error"
	resultPermanent = "permanent"
	resultPanic     = "panic"
	resultConflict  = "conflict" // somebody else changed the object meanwhile
	resultGone      = "gone"     // there was nothing left to do
)

func newMetrics() *metrics {
	return &metrics{
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "powernode_reconcile_total", Help: "Passes of controllers by kind and result.",
		}, []string{"kind", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "powernode_reconcile_duration_seconds", Help: "How long passes took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"kind"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "powernode_reconcile_queue_seconds", Help: "How long due objects waited for a worker.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"kind"}),
	}
}

// register offers the metrics, with the depth of every kind's queue, until withdraw is called; a nil
// registerer is none.
func (m *metrics) register(to prometheus.Registerer, controllers map[string]*controller) (withdraw func(), err error) {
	if to == nil {
		return func() {}, nil
	}
	all := []prometheus.Collector{m.passes, m.duration, m.waited}
	for kind, c := range controllers {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "powernode_reconcile_queue_depth", Help: "Objects that are due and wait for a worker.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(c.queue.depth()) }))
	}
	var taken []prometheus.Collector
	withdraw = func() {
		for _, collector := range taken {
			to.Unregister(collector)
		}
	}
	for _, collector := range all {
		if err := to.Register(collector); err != nil {
			withdraw()
			return nil, err
		}
		taken = append(taken, collector)
	}
	return withdraw, nil
}
