package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// RequestAnnotation asks for a pass of an object: any change of its value to
// something that is not empty does, as in
// kubectl annotate --overwrite KIND NAME powernode.io/reconcile-requested="$(date)".
const RequestAnnotation = "powernode.io/reconcile-requested"

// Manager runs the controllers of Kinds on a Store. Fill in the fields, then
// call Run, once. The Managers of several processes on one store share the work when each
// has the Members of the store, and the same Kinds and Duties.
type Manager struct {
	Store  store.Store
	Kinds  []Kind
	Duties []Duty
	Log    *slog.Logger // nil is silent
	// Members are those who share the work; nil when there is nobody else, and never will be.
	Members store.Members
	// Name is what people know this process by among the Members.
	Name string
	// Registerer has the metrics while Run goes on; nil for none.
	Registerer prometheus.Registerer
	// Workers is how many passes of one kind may go on at once, not counting those
	// that have lasted for long (see queue); 8 when 0. Kinds do not share workers,
	// so a slow one holds up no other.
	Workers int
	// PassTimeout is the deadline of one pass; 2 minutes when 0.
	PassTimeout time.Duration
	// Grace is how long passes may go on after Run's context has ended; 20 seconds when 0.
	Grace time.Duration

	once   sync.Once
	engine *engine
}

// Run works until ctx ends. Then no pass is started any more; those that are
// running have Grace to end by themselves before their context ends too, and Run returns when
// all have. The error is about how the Manager was set up, or nil.
func (m *Manager) Run(ctx context.Context) error {
	m.setUp()
	e := m.engine
	if e.err != nil {
		return e.err
	}
	withdraw, err := e.metrics.register(m.Registerer, e)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	defer withdraw()
	e.run(ctx)
	return nil
}

// Hint asks for a pass of an object soon. It may be called at any time, for any
// key; what is not known (yet), or is another process's, is ignored: who comes to own an object passes it anyway.
func (m *Manager) Hint(key api.Key) {
	m.setUp()
	if c := m.engine.controllers[key.Kind]; c != nil {
		c.ask(key, 0)
	}
}

// Notify keeps a notice about an object as an Event; it neither blocks nor fails, and writes while Run goes on.
func (m *Manager) Notify(about *api.Object, notice Notice) {
	m.setUp()
	m.engine.recorder.record("", about, notice)
}

// Synced reports whether every kind has been listed, so that all objects are known.
func (m *Manager) Synced() bool {
	m.setUp()
	for kind := range m.engine.controllers {
		select {
		case <-m.engine.feedOf(kind).synced:
		default:
			return false
		}
	}
	return true
}

// Ready waits until Synced, or until ctx ends with an error that says which kind is missing.
func (m *Manager) Ready(ctx context.Context) error {
	m.setUp()
	return m.engine.allSynced(ctx)
}

func (m *Manager) setUp() {
	m.once.Do(func() {
		e := &engine{
			store:       m.Store,
			log:         m.Log,
			metrics:     newMetrics(),
			reads:       newReads(),
			controllers: map[string]*controller{},
			feeds:       map[string]*feed{},
			duties:      m.Duties,
			slots:       newSlots(),
			members:     m.Members,
			name:        m.Name,
			refused:     make(chan struct{}, 1),
			workers:     orElse(m.Workers, 8),
			passTimeout: orElse(m.PassTimeout, 2*time.Minute),
			grace:       orElse(m.Grace, 20*time.Second),
			stopping:    make(chan struct{}),
		}
		if e.log == nil {
			e.log = slog.New(slog.DiscardHandler)
		}
		e.recorder = newRecorder(e.store, e.log, e.metrics)
		e.err = e.adopt(m.Kinds)
		m.engine = e
	})
}

// adopt makes a controller of each kind.
func (e *engine) adopt(kinds []Kind) error {
	var problems []error
	for _, kind := range kinds {
		switch {
		case kind.run == nil:
			problems = append(problems, fmt.Errorf("kind %q was not made by reconcile.For", kind.Name))
		case e.controllers[kind.Name] != nil:
			problems = append(problems, fmt.Errorf("kind %q is listed twice", kind.Name))
		default:
			e.controllers[kind.Name] = &controller{
				kind: kind, engine: e, queue: newQueue(e.workers), places: map[api.Key]location{},
			}
		}
	}
	return errors.Join(problems...)
}

func orElse[T comparable](value, instead T) T {
	var zero T
	if value == zero {
		return instead
	}
	return value
}
