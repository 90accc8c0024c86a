package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

const (
	// followAgain is the pause before definitions are followed again.
	followAgain = 100 * time.Millisecond
	// settleWithin is how long a request waits for the catalog: for the first one, and after
	// the write of a definition for the one that has it.
	settleWithin = 10 * time.Second
)

// Run does what goes on beside the requests until ctx ends: it follows the definitions of kinds
// and the roles and bindings in the store. Without it none but the program's own kinds are served,
// discovery waits for them, and nobody but masters may do anything.
func (s *Server) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() { s.policy.run(ctx) })
	beside.Go(func() { s.watchRights(ctx) })
	if s.cfg.Audit != nil {
		beside.Go(func() { s.tellDropped(ctx) })
	}
	if s.followed() {
		beside.Go(func() { s.followDefinitions(ctx) })
	}
	<-ctx.Done()
	beside.Wait()
	return nil
}

// followed reports whether there are definitions to follow.
func (s *Server) followed() bool {
	return slices.ContainsFunc(s.cfg.Kinds, func(k *schemas.Kind) bool { return k.Key() == v1.CustomResourceDefinition })
}

// followDefinitions keeps the catalog as the definitions are, until ctx ends.
func (s *Server) followDefinitions(ctx context.Context) {
	d := &definitions{builtin: s.cfg.Kinds, known: map[string]*definition{}}
	for ctx.Err() == nil {
		err := s.followOnce(ctx, d)
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, api.ErrExpired) {
			s.cfg.Log.Warn("following definitions was interrupted", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(followAgain):
		}
	}
}

func (s *Server) followOnce(ctx context.Context, d *definitions) error {
	list, err := s.cfg.Store.List(ctx, v1.CustomResourceDefinition, store.ListOptions{})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	gone := d.names()
	for _, obj := range list.Items {
		delete(gone, obj.Name)
		d.set(obj)
	}
	for name := range gone {
		d.remove(name)
	}
	s.serveCatalog(d, list.Revision)
	for event, err := range s.cfg.Store.Watch(ctx, v1.CustomResourceDefinition, list.Revision, store.WatchOptions{}) {
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		switch event.Type {
		case store.Added, store.Modified:
			d.set(event.Object)
		case store.Deleted:
			d.remove(event.Object.Name)
		}
		s.serveCatalog(d, event.Revision)
	}
	return errors.New("the watch ended")
}

func (d *definitions) names() map[string]bool {
	all := map[string]bool{}
	for name := range d.known {
		all[name] = true
	}
	return all
}

// serveCatalog exchanges the catalog for the one of the definitions as they are at a revision.
func (s *Server) serveCatalog(d *definitions, at store.Revision) {
	before := s.catalog()
	c, err := d.catalog(before)
	if err != nil { // names are told apart before: the catalog stays as it was
		s.cfg.Log.Error("catalog of the definitions", "error", err)
		keep := *before
		c = &keep
	}
	for name, def := range d.known {
		if def.problem != nil && def.obj.ResourceVersion == at.String() {
			s.cfg.Log.Warn("a definition makes no kind", "name", name, "error", def.problem)
		}
	}
	c.revision = at
	s.current.Store(c)
	s.exchanged.Ring()
}

// settle waits until the catalog has the definitions as they were at a revision; 0 is for any.
func (s *Server) settle(ctx context.Context, at store.Revision) error {
	if !s.followed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		bell := s.exchanged.Next()
		if now := s.catalog().revision; now >= at {
			return nil
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return unavailable("the definitions of kinds are still being read")
		}
	}
}

// settled is a handler that needs to know all kinds.
func (s *Server) settled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.settle(c.Request().Context(), 0); err != nil {
			return err
		}
		return next(c)
	}
}

// settling is a store whose writes of definitions, roles and bindings are over when this server
// goes by them.
type settling struct {
	store.Store
	server *Server
}

func (st settling) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return st.after(ctx, opts)(st.Store.Create(ctx, obj, opts...))
}

func (st settling) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return st.after(ctx, opts)(st.Store.Update(ctx, obj, opts...))
}

func (st settling) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return st.after(ctx, opts)(st.Store.UpdateStatus(ctx, obj, opts...))
}

func (st settling) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return st.after(ctx, opts)(st.Store.Delete(ctx, key, pre, opts...))
}

// after waits for the catalog when a definition was written, for the policy when a role or binding
// was. The write itself is done in any case: that one of them is late is no reason to say otherwise.
func (st settling) after(ctx context.Context, opts []store.WriteOption) func(*api.Object, error) (*api.Object, error) {
	return func(obj *api.Object, err error) (*api.Object, error) {
		if err != nil || store.Writing(opts...).DryRun {
			return obj, err
		}
		at, bad := parseRevision(obj.ResourceVersion)
		if bad != nil {
			return obj, nil
		}
		if late := st.server.goBy(ctx, obj.Key().Kind, at); late != nil {
			st.server.cfg.Log.Warn("what was stored holds late on this server", "kind", obj.Key().Kind, "name", obj.Name)
		}
		return obj, nil
	}
}

// goBy waits until this server goes by the objects of a kind as they were at a revision.
func (s *Server) goBy(ctx context.Context, kind string, at store.Revision) error {
	if kind == v1.CustomResourceDefinition {
		return s.settle(ctx, at)
	}
	return s.policy.reach(ctx, kind, at)
}
