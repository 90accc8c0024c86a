package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the engine does. Labels are kinds and results, never names.
type metrics struct {
	passes   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
	untold   *prometheus.CounterVec

	members   prometheus.Gauge
	heard     prometheus.Gauge
	handovers *prometheus.CounterVec
	fenced    prometheus.Counter
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
	// The pass was cut short as this process may not work now, or a write of it
	// was refused as it may not any more.
	resultInterrupted = "interrupted"
	resultFenced      = "fenced"
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
		untold: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "powernode_events_dropped_total", Help: "Notices that became no Event, by kind, as there were too many.",
		}, []string{"kind"}),
		members: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "powernode_members", Help: "Processes that share the work of the controllers; 0 when this one is none of them.",
		}),
		heard: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "powernode_member_heard", Help: "1 while this process hears its own beats; else it does no work.",
		}),
		handovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "powernode_member_handovers_total", Help: "Slots of keys that came to this process (gained), that it gave back (released), and that it lost as it was taken for dead (lost).",
		}, []string{"how"}),
		fenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "powernode_fenced_writes_total", Help: "Writes of passes that were refused as this process was no member any more.",
		}),
	}
}

// hears notes whether this process hears its own beats.
func (m *metrics) hears(heard bool) {
	m.heard.Set(0)
	if heard {
		m.heard.Set(1)
	}
}

// register offers the metrics, with the depth of every kind's queue, until withdraw is called; a nil
// registerer is none.
func (m *metrics) register(to prometheus.Registerer, e *engine) (withdraw func(), err error) {
	if to == nil {
		return func() {}, nil
	}
	all := []prometheus.Collector{m.passes, m.duration, m.waited, m.untold}
	if e.members != nil {
		all = append(all, m.members, m.heard, m.handovers, m.fenced, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "powernode_member_slots", Help: "Slots of keys that this process works on, of 1024.",
		}, func() float64 { return float64(e.slots.owned()) }))
	}
	for kind, c := range e.controllers {
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
