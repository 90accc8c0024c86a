// Bench prints what the product costs, beside a raw UPDATE of the same run on the same machine:
// writes at the store and through the API, watches, lists, memory, start-up.
//
//	make bench                                    # all of it, and the simulation of reconcile after it
//	go run ./examples/bench -only write -seconds 3
//
// The servers are real pnserver processes on a private PostgreSQL, fresh for every round; the clients are
// this process. What is compared is measured in turns, and the figure is the median of the rounds.
// Ratios carry over to other machines, rates do not.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// section is one table of the output.
type section struct {
	name, title string
	run         func(context.Context, *bench) error
}

// sections in the order of the output.
func sections() []section {
	return []section{
		{"write", "Writes of 1 KiB objects", measureWrites},
		{"watch", "Watches: from the answer to a write to its event", measureWatches},
		{"list", "Lists of 1 KiB objects", measureLists},
		{"many", "Very many objects", measureMany},
		{"passes", "Passes of controllers", measurePasses},
		{"members", "Members that join, die and stall, in fake time", measureMembers},
	}
}

// bench is one run of the program.
type bench struct {
	out, progress io.Writer
	pnserver      string // the binary
	dir, dsn      string // temporary
	stages        int    // so far
	rounds        int
	window        time.Duration // of one measurement
	clients       []int
	watchers      int      // the largest crowd
	objects, many int      // in lists, and where there are very many
	passes        int      // objects that get a first pass
	rows          []string // of writes and watches, all when empty
}

// run measures what the arguments ask for.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	b := &bench{out: out, progress: progress}
	only, err := b.parse(args)
	if err != nil {
		return err
	}
	clean, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer clean()
	for _, s := range sections() {
		if len(only) > 0 && !slices.Contains(only, s.name) {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", s.title)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (b *bench) parse(args []string) (only []string, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	list := flags.String("only", "", "tables to print, of "+strings.Join(names, ",")+"; all when empty")
	rows := flags.String("rows", "", "rows of the tables of writes and watches, separated by commas, such as \"HTTP update\"; all when empty")
	seconds := flags.Float64("seconds", 1, "how long one measurement takes")
	clients := flags.String("clients", "1,8,32,64", "how many clients write at once")
	flags.IntVar(&b.watchers, "watchers", 1000, "how many watch at most")
	flags.IntVar(&b.objects, "objects", 10_000, "how many objects are listed")
	flags.IntVar(&b.many, "many", 100_000, "how many objects are very many")
	flags.IntVar(&b.passes, "passes", 5_000, "how many objects get a first pass")
	flags.IntVar(&b.rounds, "rounds", 3, "how often each is measured; the median counts")
	flags.StringVar(&b.pnserver, "pnserver", "", "the program to measure; built from the sources when empty")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	b.window = time.Duration(*seconds * float64(time.Second))
	for _, n := range split(*clients) {
		var count int
		if _, err := fmt.Sscan(n, &count); err != nil || count < 1 {
			return nil, fmt.Errorf("-clients: %q is not a number of clients", n)
		}
		b.clients = append(b.clients, count)
	}
	b.rows, only = split(*rows), split(*list)
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("-only: there is no table %q, but %s", name, strings.Join(names, ", "))
		}
	}
	return only, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}
