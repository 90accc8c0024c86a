// Command pnrunner executes the steps of pipeline runs for a Powernode server
// that it reaches over HTTP.
//
//	pnrunner --server https://powernode.example:3000 --token-file runner.token
//
// On SIGTERM it takes no more steps and ends when those that run have ended;
// those that still run after --drain go back to the server. A second SIGTERM
// ends it at once. It may be killed at any time: started again with the same --dir, it goes
// on with the steps that it had, which run on meanwhile.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/powernode/powernode/controllers/runner"
)

func main() {
	runner.ShimMain() // returns at once unless this process is to supervise a step
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal does what it always does
	if err := command().ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "pnrunner:", err)
		os.Exit(1)
	}
}
