// Command program is what the containers of the test image run: see package script.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/powernode/powernode/controllers/internal/docker/dockertest/script"
)

func main() {
	steps, err := script.Parse(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM) // as PID 1 it would be ignored otherwise
	for _, step := range steps {
		os.Stdout.WriteString(step.Output)
		if step.Stubborn {
			signal.Ignore(syscall.SIGTERM)
		}
		select {
		case <-time.After(step.Sleep):
		case <-term:
			os.Exit(143)
		}
		if step.Exit != nil {
			os.Exit(*step.Exit)
		}
	}
}
