package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A view shows a run that is followed.
type view interface {
	Event(event) error
	Tick(time.Time) error
	// Close shows how it ended, or what is known when it is left before that.
	Close(time.Time) error
}

// show follows the run until it is over and returns its last known state, which
// is an ended one unless there is an error.
func show(ctx context.Context, f *follower, first *runState, v view) (*runState, error) {
	ctx, cancel := context.WithCancel(ctx)
	events, done := make(chan event), make(chan error, 1)
	go func() { done <- f.follow(ctx, first, events) }()
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	last := first
	var err error
	for following := true; following; {
		var shown error
		select {
		case e := <-events:
			if e.Run != nil {
				last = e.Run
			}
			shown = v.Event(e)
		case now := <-ticker.C:
			shown = v.Tick(now)
		case err = <-done:
			following = false
		}
		if shown != nil { // nobody reads any more
			cancel()
			<-done
			return last, shown
		}
	}
	cancel()
	if closed := v.Close(time.Now()); err == nil {
		err = closed
	}
	return last, err
}

// newView is the live view on a terminal, and plain lines otherwise.
func newView(out, errOut io.Writer, env func(string) string) view {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || env("TERM") == "dumb" {
		return &plainView{out: out, errOut: errOut}
	}
	return &liveView{
		screen: screen{out: out, colour: env("NO_COLOR") == ""},
		size: func() (int, int) {
			width, height, err := term.GetSize(int(file.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return 80, 24
			}
			return width, height
		},
	}
}

// plainView writes lines, and what is about the connection to errOut.
type plainView struct {
	plain
	out, errOut io.Writer
}

func (v *plainView) Event(e event) error {
	if e.Notice != "" {
		fmt.Fprintln(v.errOut, "pnctl: "+e.Notice)
	}
	return v.write(v.plain.Event(e))
}

func (v *plainView) Tick(time.Time) error { return nil }

func (v *plainView) Close(time.Time) error { return v.write(v.plain.End()) }

func (v *plainView) write(lines []string) error {
	for _, text := range lines {
		if _, err := fmt.Fprintln(v.out, text); err != nil {
			return err
		}
	}
	return nil
}

// liveView draws frames.
type liveView struct {
	live
	screen screen
	size   func() (width, height int)
}

func (v *liveView) Event(e event) error {
	v.live.Event(e)
	return nil
}

func (v *liveView) Tick(now time.Time) error {
	width, height := v.size()
	return v.screen.Draw(v.live.Frame(now, width, height), width)
}

func (v *liveView) Close(now time.Time) error {
	width, _ := v.size()
	err := v.screen.Draw(v.live.Final(now, width), width)
	if closed := v.screen.Close(); err == nil {
		err = closed
	}
	return err
}
