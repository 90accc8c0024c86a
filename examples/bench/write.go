package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/yardstick"
)

// raw is the row that all others are compared with.
const raw = "raw UPDATE (R)"

// writer is one way to write, a row of the table for each number of clients.
type writer struct {
	name    string
	targets map[int]target // by clients
	// open makes ready for clients; close ends what only this measurement needs.
	open func(ctx context.Context, f *field, clients int) (do work, close func(), err error)
}

// field is what the writers of one half of a round work on: the store in this
// process, or a server beside it, never both: each would follow what the other writes.
type field struct {
	stage  *stage
	store  *postgres.Store
	server *server
	serial int // of objects that are made
}

// half is the writers that are measured in turns, on one field.
type half struct {
	open    func(ctx context.Context, f *field) error
	writers []writer
}

func halves() []half {
	return []half{
		{func(ctx context.Context, f *field) (err error) {
			f.store, err = f.stage.store(ctx)
			return err
		}, storeWriters()},
		{func(ctx context.Context, f *field) (err error) {
			f.server, err = f.stage.server(ctx, "--roles", "api")
			return err
		}, httpWriters()},
	}
}

// measureWrites prints the table of writes.
func measureWrites(ctx context.Context, b *bench) error {
	results := newWriteResults()
	for round := range b.rounds {
		for i, h := range halves() {
			h.writers = b.selected(h.writers)
			if len(h.writers) == 0 {
				continue
			}
			fmt.Fprintf(b.progress, "writes: round %d of %d, half %d\n", round+1, b.rounds, i+1)
			if err := b.measureHalf(ctx, h, results); err != nil {
				return err
			}
		}
	}
	return results.print(b.out)
}

// selected are the writers that -rows names.
func (b *bench) selected(writers []writer) []writer {
	return slices.DeleteFunc(writers, func(w writer) bool { return !b.selects(w.name) })
}

// selects reports whether -rows names a row.
func (b *bench) selects(row string) bool { return len(b.rows) == 0 || slices.Contains(b.rows, row) }

func (b *bench) measureHalf(ctx context.Context, h half, results *writeResults) error {
	stage, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer stage.close()
	f := &field{stage: stage}
	if err := h.open(ctx, f); err != nil {
		return err
	}
	for _, clients := range b.clients {
		if err := f.turns(ctx, h.writers, clients, b.window, results); err != nil {
			return fmt.Errorf("%d clients: %w", clients, err)
		}
	}
	return nil
}

// turns measures the raw UPDATE before and after each writer: the machine's
// speed changes from second to second, and the ratio is to the mean of the two.
func (f *field) turns(ctx context.Context, writers []writer, clients int, window time.Duration, results *writeResults) error {
	yard := writer{name: raw, open: rawUpdates}
	before, err := f.measure(ctx, yard, clients, window)
	if err != nil {
		return fmt.Errorf("%s: %w", raw, err)
	}
	before.ratio = 1
	results.add(yard, clients, before)
	for _, w := range writers {
		m, err := f.measure(ctx, w, clients, window)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		after, err := f.measure(ctx, yard, clients, window)
		if err != nil {
			return fmt.Errorf("%s: %w", raw, err)
		}
		m.ratio = 2 * m.rate / (before.rate + after.rate)
		after.ratio = 1
		results.add(w, clients, m)
		results.add(yard, clients, after)
		before = after
	}
	return nil
}

// measured is one measurement of a writer.
type measured struct {
	sample
	ratio     float64       // to the raw UPDATE beside it
	cpu       time.Duration // of the server a write; 0 without one
	clientCPU time.Duration // of this process a write
}

func (f *field) measure(ctx context.Context, w writer, clients int, window time.Duration) (measured, error) {
	do, close, err := w.open(ctx, f, clients)
	if err != nil {
		return measured{}, err
	}
	defer close()
	u := usageSince(f.server)
	s, err := load(ctx, clients, window, do)
	m := measured{sample: s}
	m.cpu, m.clientCPU = u.each(s.calls)
	return m, err
}

func rawUpdates(ctx context.Context, f *field, clients int) (work, func(), error) {
	rows, err := yardstick.Open(ctx, f.stage.dsn, clients, size)
	if err != nil {
		return nil, nil, err
	}
	return rows.Update, rows.Close, nil
}
