package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// writeResults is what the writers came to, round by round.
type writeResults struct {
	rows []writeRow
	all  map[writeRow][]measured
}

// writeRow is a writer at a number of clients.
type writeRow struct {
	writer  string
	clients int
	target  target
}

func newWriteResults() *writeResults { return &writeResults{all: map[writeRow][]measured{}} }

func (r *writeResults) add(w writer, clients int, m measured) {
	row := writeRow{w.name, clients, w.targets[clients]}
	if r.all[row] == nil {
		r.rows = append(r.rows, row)
	}
	r.all[row] = append(r.all[row], m)
}

// print prints the medians of the rounds.
func (r *writeResults) print(out io.Writer) error {
	t := newTable("", "clients", "writes/s", "p50 ms", "p99 ms", "x R", "min..max", "CPU us: server", "client", "target", "")
	var rows []writeRow // those of one writer together
	for _, row := range r.rows {
		if !slices.Contains(rows, row) {
			rows = append(rows, rowsOf(r.rows, row.writer)...)
		}
	}
	for _, row := range rows {
		m, low, high := middle(r.all[row])
		t.add(row.writer, row.clients, round(m.rate), ms(m.p50), ms(m.p99), fmt.Sprintf("%.2f", m.ratio),
			fmt.Sprintf("%.2f..%.2f", low, high), micros(m.cpu), micros(m.clientCPU), row.target, row.target.verdict(m.ratio, m.p50, m.p99))
	}
	return t.print(out)
}

func rowsOf(rows []writeRow, writer string) []writeRow {
	return slices.DeleteFunc(slices.Clone(rows), func(row writeRow) bool { return row.writer != writer })
}

// middle is the medians of the rounds, and between what the ratio was.
func middle(rounds []measured) (m measured, low, high float64) {
	pick := func(of func(measured) float64) float64 {
		var values []float64
		for _, m := range rounds {
			values = append(values, of(m))
		}
		low, high = slices.Min(values), slices.Max(values)
		return median(values)
	}
	m.rate = pick(func(m measured) float64 { return m.rate })
	m.p50 = time.Duration(pick(func(m measured) float64 { return float64(m.p50) }))
	m.p99 = time.Duration(pick(func(m measured) float64 { return float64(m.p99) }))
	m.cpu = time.Duration(pick(func(m measured) float64 { return float64(m.cpu) }))
	m.clientCPU = time.Duration(pick(func(m measured) float64 { return float64(m.clientCPU) }))
	m.ratio = pick(func(m measured) float64 { return m.ratio })
	return m, low, high
}
