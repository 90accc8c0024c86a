// Command pnserver is the control plane: the resource API, the controllers and
// a runner, in one process by default; --roles splits them over several.
//
// It is wiring and nothing else: what each part does lives in its own package.
// Everything that the process starts (a private PostgreSQL among it) ends with
// it, in the order that lets requests and passes under way finish; and whatever a kill -9
// leaves behind, the next start finds and takes over.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/cmd/internal/build"
	"github.com/powernode/powernode/controllers/runner"
)

func main() {
	runner.ShimMain() // returns at once unless this process is to supervise a step
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "pnserver:", err)
		}
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "pnserver",
		Short:         "The Powernode control plane",
		Version:       build.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), dbCommand(), keysCommand(), secretsCommand())
	return root
}
