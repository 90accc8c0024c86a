package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/api/client"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/cmd/internal/build"
	"github.com/powernode/powernode/controllers"
	"github.com/powernode/powernode/controllers/namespace"
	"github.com/powernode/powernode/controllers/runner"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/garbage"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/blobs"
)

// stepDrain is how long a stop lets the runner's steps finish; what runs on is
// stopped, and run again by the next runner.
const stepDrain = 10 * time.Second

// parts are the functions that the roles of this process run, each until its context ends.
func (p *process) parts() (parts []func(context.Context) error, err error) {
	if p.database != nil {
		contents := blobs.Dir{Path: filepath.Join(p.dataDir, "artifacts")}
		world := controllers.NewWorld(p.database.Tasks(), p.database.Logs(), contents)
		if p.has(roleAPI) {
			part, err := p.api(world, contents)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		if p.has(roleControllers) {
			part, err := p.controllers(world)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
	}
	if p.metrics != "" {
		part, err := p.metricsPart()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if p.has(roleRunner) {
		part, err := p.runner()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (p *process) api(world *controllers.World, contents store.Blobs) (func(context.Context) error, error) {
	kinds, err := schemas.Builtin()
	if err != nil {
		return nil, err
	}
	handler, err := server.New(server.Config{
		Store:          p.database,
		Tasks:          p.database.Tasks(),
		Logs:           p.database.Logs(),
		Blobs:          contents,
		Audit:          p.database.Audit(),
		TrustedProxies: p.trusted,
		Kinds:          kinds,
		Admission:      controllers.Admission(),
		MayDelete:      namespace.MayDelete,
		Subresources:   controllers.Subresources(world, p.database),
		Identity:       p.known,
		Registry:       p.registry,
		Log:            p.log,
		Ready:          p.database.Ready,
		GitCommit:      build.Commit(),
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return p.runAPI(ctx, handler) }, nil
}

// runAPI serves until ctx ends; what goes on beside the requests ends after the last one.
func (p *process) runAPI(ctx context.Context, s *server.Server) error {
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return s.Run(beside) })
	err := p.serveHTTP(ctx, s, s.Drain)
	stop()
	return errors.Join(err, group.Wait())
}

// controllers run in all processes of a database that have the role: they share the keys. What is
// done once for all is a duty of one of them.
func (p *process) controllers(world *controllers.World) (func(context.Context) error, error) {
	builtin, err := schemas.Builtin()
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this server: %w", err)
	}
	manager := &reconcile.Manager{
		Store: accountable(p.database, builtin), Kinds: controllers.Kinds(world), Log: p.log, Registerer: p.registry,
		Members: knownMembers{p.database.Members(), filepath.Join(p.dataDir, "member")}, Name: name,
	}
	collect := func(ctx context.Context, objects store.Store) error {
		c := &garbage.Collector{Store: objects, Kinds: ownerKinds(builtin), MayDelete: namespace.MayDelete, Notify: manager.Notify, Log: p.log}
		return c.Run(ctx)
	}
	tidy := func(ctx context.Context, _ store.Store) error { return p.known.Run(ctx) }
	manager.Duties = []reconcile.Duty{{Name: "garbage", Run: collect}, {Name: "identity", Run: tidy}}
	return manager.Run, nil
}

// ownerKinds are the kinds of the program as the garbage collector knows them.
func ownerKinds(builtin []*schemas.Kind) (kinds []garbage.Kind) {
	for _, k := range builtin {
		kinds = append(kinds, garbage.Kind{Name: k.Key(), Stored: k.Stored, Namespaced: k.Namespaced})
	}
	return kinds
}

func (p *process) runner() (func(context.Context) error, error) {
	url, ca := p.url, p.ca
	if p.server != "" {
		url, ca = p.server, p.serverCA
	}
	if url == "" {
		return nil, fmt.Errorf("--roles runner without api: name the API by --server")
	}
	http, err := client.HTTPClient(ca)
	if err != nil {
		return nil, fmt.Errorf("--server-ca: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of the runner: %w", err)
	}
	agent := &runner.Agent{
		Client:   &client.Client{Server: url, Token: p.access.runner, HTTP: http},
		Name:     name,
		Dir:      filepath.Join(p.dataDir, "runner"),
		Parallel: max(2, runtime.NumCPU()),
		Drain:    stepDrain,
		Log:      p.log,
	}
	return agent.Run, nil
}
