package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/api/client"
	"github.com/powernode/powernode/cmd/internal/build"
	"github.com/powernode/powernode/cmd/internal/logging"
	"github.com/powernode/powernode/controllers/runner"
)

// options are the flags.
type options struct {
	server    string
	tokenFile string
	caFile    string
	name      string
	labels    []string
	dir       string
	docker    string
	parallel  int
	drain     time.Duration
	leave     bool
	keep      time.Duration
	logging   logging.Options
}

func command() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:           "pnrunner",
		Short:         "Execute the steps of pipeline runs for a Powernode server",
		Version:       build.Version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), o) },
	}
	host, _ := os.Hostname()
	f := c.Flags()
	f.StringVar(&o.server, "server", "http://127.0.0.1:3000", "address of the Powernode server")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the runner's token (default: the token is in $POWERNODE_TOKEN)")
	f.StringVar(&o.caFile, "ca-file", "", "certificate authorities (PEM) that the server's certificate is checked against (default: the system's)")
	f.StringVar(&o.name, "name", host, "the runner's name: its own, and the same whenever it is started")
	f.StringSliceVar(&o.labels, "labels", []string{"default"}, "labels that steps may ask for")
	f.StringVar(&o.dir, "dir", defaultDir(), "where tasks and workspaces are kept; one runner at a time works in it")
	f.StringVar(&o.docker, "docker", runner.DockerAuto, "Docker engine for steps with an image: auto, off, or an address such as unix:///var/run/docker.sock")
	f.IntVar(&o.parallel, "parallel", 1, "how many steps run at a time")
	f.DurationVar(&o.drain, "drain", 10*time.Minute, "how long running steps may take to finish after SIGTERM")
	f.BoolVar(&o.leave, "leave", false, "leave steps that run after --drain to go on, for the next start; otherwise they are stopped and handed out again")
	f.DurationVar(&o.keep, "keep-workspaces", 24*time.Hour, "how long the workspace of a run stays after its last step")
	o.logging.AddFlags(f)
	return c
}

func defaultDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "powernode-runner")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "powernode-runner"
	}
	return filepath.Join(home, ".local", "state", "powernode-runner")
}

func run(ctx context.Context, o options) error {
	log, err := o.logging.New()
	if err != nil {
		return err
	}
	agent, err := newAgent(o, log)
	if err != nil {
		return err
	}
	log.Info("runner started", "server", o.server, "name", o.name, "labels", o.labels, "dir", o.dir)
	defer log.Info("runner stopped")
	return agent.Run(ctx)
}

func newAgent(o options, log *slog.Logger) (*runner.Agent, error) {
	if u, err := url.Parse(o.server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--server: %q is not an address such as https://host:3000", o.server)
	}
	if o.name == "" {
		return nil, fmt.Errorf("--name: the host has no name, so give the runner one")
	}
	if o.parallel < 1 {
		return nil, fmt.Errorf("--parallel: %d is less than 1", o.parallel)
	}
	token, err := readToken(o.tokenFile)
	if err != nil {
		return nil, err
	}
	http, err := client.HTTPClient(o.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	c := &client.Client{Server: o.server, Token: token, HTTP: http, Unreachable: (&outage{log: log, every: time.Minute}).note}
	return &runner.Agent{
		Client: c, Name: o.name, Labels: o.labels, Dir: o.dir, Docker: o.docker, Parallel: o.parallel,
		Drain: o.drain, Leave: o.leave, KeepWorkspaces: o.keep, Log: log,
	}, nil
}

func readToken(file string) (string, error) {
	if file == "" {
		token := os.Getenv("POWERNODE_TOKEN")
		if token == "" {
			return "", fmt.Errorf("a token is needed: name its file with --token-file, or set POWERNODE_TOKEN")
		}
		return token, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", fmt.Errorf("--token-file: %s is empty", file)
	}
	return token, nil
}
