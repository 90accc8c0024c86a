package postgres

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/seal"
)

var _ store.Store = (*Store)(nil)

// Config says where the database is.
type Config struct {
	// DSN is a PostgreSQL URL or keyword string. Everything lives in the first schema of its search_path.
	DSN string
	// ListenDSN is for the connection that needs a session of its own (LISTEN, and the beats of members) when DSN
	// leads to a pooler that keeps none; DSN when empty. It must lead to the same database.
	// Behind such a pooler statements have no names, unless DSN says default_query_exec_mode=cache_statement.
	ListenDSN string
	// Log hears of lost connections; nothing is logged when nil.
	Log *slog.Logger
	// Registerer takes the metrics; none are kept when nil.
	Registerer prometheus.Registerer
	// AuditKept is how long audit records are kept at least, 400 days when 0. They are dropped by the week.
	AuditKept time.Duration
	// VersionsKept is how long the generations of a spec are kept after their object is gone, 90 days when 0.
	VersionsKept time.Duration
	// Keys has the keys that the kinds of Sealed are encrypted with; nothing is when it is nil.
	Keys   seal.Source
	Sealed []string // qualified kinds
	// Unmigrated leaves the tables as they are: a database that lacks steps is refused.
	Unmigrated bool

	history   history
	leaseTime time.Duration // of tasks
	pulse     pulseTimes    // of members
	hearTime  time.Duration // to hear something at ListenDSN
	queue     limits        // writes that wait
}

// history says how many changes are kept in the database.
type history struct {
	span  store.Revision // revisions in one partition of changes
	keep  store.Revision // revisions that are kept at least
	reach store.Revision // how far back prev_rev may point before prev is kept too; at most keep
	ring  int            // store.Hub.Keep
}

// Store is a store.Store in a PostgreSQL database. Close it after use.
type Store struct {
	config  Config
	id      string // names this server's connections
	address address
	channel string // of NOTIFY
	pool    *pgxpool.Pool
	hub     store.Hub
	writer  *batcher
	follow  *follower
	fresh   *freshener
	listen  *listener
	parts   *partitions
	weeks   *weeks
	sealer  *sealer
	pruner  *pruner
	metrics *metrics
	tasks   *Tasks
	logs    *Logs
	members *Members
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open connects to the database, brings its tables to this version and reads
// all objects. The store works until it is closed, whatever becomes of ctx.
func Open(ctx context.Context, config Config) (*Store, error) {
	config = config.complete()
	s := &Store{config: config, id: "powernode " + uuid.NewString()}
	var err error
	if s.channel, s.address, err = prepare(ctx, config); err != nil {
		return nil, err
	}
	if err := s.address.testListening(ctx, config.ListenDSN, s.channel, config.hearTime); err != nil {
		return nil, err
	}
	if s.pool, err = openPool(ctx, s.address); err != nil {
		return nil, err
	}
	s.assemble()
	if err := s.ready(ctx); err != nil {
		s.pool.Close()
		s.metrics.unregister()
		return nil, err
	}
	s.start(context.WithoutCancel(ctx))
	return s, nil
}

// ready prepares tables, keys and memory.
func (s *Store) ready(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.parts.ensure, s.weeks.ensure, s.sealer.start, s.sealer.sealOld, s.load} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) complete() Config {
	if c.ListenDSN == "" {
		c.ListenDSN = c.DSN
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.history.span == 0 {
		c.history = history{span: 100_000, keep: 500_000, reach: 50_000}
	}
	if c.AuditKept == 0 {
		c.AuditKept = 400 * 24 * time.Hour
	}
	if c.VersionsKept == 0 {
		c.VersionsKept = 90 * 24 * time.Hour
	}
	if c.queue.ops == 0 {
		c.queue = limits{ops: 20_000, bytes: 256 << 20}
	}
	if c.hearTime == 0 {
		c.hearTime = 10 * time.Second
	}
	if c.leaseTime == 0 {
		c.leaseTime = runner.LeaseTime
	}
	if c.pulse.every == 0 {
		c.pulse = pulseTimes{every: store.BeatEvery, pauses: store.SilencePauses, ends: store.SilenceEnds}
	}
	return c
}

func (s *Store) assemble() {
	s.hub.Keep = s.config.history.ring
	s.hub.Older = s.older
	s.metrics = newMetrics(s.config.Registerer)
	s.parts = &partitions{pool: s.pool, history: s.config.history, log: s.config.Log, wake: make(chan struct{}, 1)}
	s.sealer = newSealer(s.pool, s.config, s.metrics)
	s.pruner = &pruner{pool: s.pool, keep: s.config.VersionsKept, log: s.config.Log}
	s.weeks = &weeks{pool: s.pool, keep: s.config.AuditKept, log: s.config.Log, note: s.Audit().Append}
	s.writer = newBatcher(s)
	s.follow = newFollower(s)
	s.fresh = &freshener{pool: s.pool, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.tasks = &Tasks{pool: s.pool, channel: s.channel, log: s.config.Log, leaseTime: s.config.leaseTime, heard: store.Heard{LeaseTime: s.config.leaseTime}}
	s.logs = &Logs{pool: s.pool, seed: maphash.MakeSeed()}
	s.listen = &listener{
		address: address{dsn: s.config.ListenDSN}, channel: s.channel, name: s.id + " listener", log: s.config.Log,
		heard: s.heard, connected: s.connected, pulse: newPulse(s.config.pulse),
	}
	s.members = &Members{pool: s.pool, channel: s.channel, log: s.config.Log, pulse: s.listen.pulse, listening: s.listen.up.Load}
	s.metrics.of(s)
}

// start runs what works in the background until Close.
func (s *Store) start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	for _, run := range []func(context.Context){
		s.writer.run, s.follow.run, s.fresh.run, s.listen.run, s.parts.run, s.weeks.run, s.pruner.run, s.tasks.expireLeases, s.members.run,
	} {
		s.running.Go(func() { run(ctx) })
	}
}

// Close ends all that the store runs, and its connections. Writes that are on
// their way are finished first, those that are queued fail.
func (s *Store) Close() {
	s.stop()
	s.running.Wait()
	s.pool.Close()
	s.metrics.unregister()
}

// Tasks is the queue of tasks in the same database.
func (s *Store) Tasks() *Tasks { return s.tasks }

// Logs are the log streams in the same database.
func (s *Store) Logs() *Logs { return s.logs }

// Members are the servers that work on what is in the same database.
func (s *Store) Members() *Members { return s.members }

// Ready tells why the store cannot work now; nil when it can.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := s.latest(ctx); err != nil {
		return err
	}
	if !s.listen.up.Load() {
		return fmt.Errorf("the connection that listens for changes of other servers is down")
	}
	return nil
}

// heard takes a message of a server, this one included.
func (s *Store) heard(message string) {
	kind, rest := message[:min(1, len(message))], message[min(1, len(message)):]
	switch kind {
	case "r":
		s.follow.heard(rest)
	case "k":
		s.follow.poke() // the next look tells which key seals
	case "t":
		s.tasks.heardOf(rest)
	case beat:
		s.listen.pulse.heard(rest, time.Now())
	case rosterChanged:
		s.listen.pulse.bell.Ring()
	}
}

// connected: whatever was said while nobody listened is made up for.
func (s *Store) connected() {
	s.follow.poke()
	s.tasks.reconnected()
	s.listen.pulse.connected(time.Now())
}
