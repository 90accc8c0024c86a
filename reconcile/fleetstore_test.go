package reconcile_test

import (
	"context"
	"errors"
	"iter"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var errKilled = errors.New("this process was killed")

// processStore is a process's way to the store.
type processStore struct {
	store.Store
	p *process
}

func (s *processStore) reach() error {
	s.p.step()
	if s.p.gone.Load() {
		return errKilled
	}
	return nil
}

func (s *processStore) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s *processStore) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, obj, opts...)
}

func (s *processStore) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.Store.Update(ctx, obj, opts...)
}

func (s *processStore) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.Store.UpdateStatus(ctx, obj, opts...)
}

func (s *processStore) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s.Store.Delete(ctx, key, pre, opts...)
}

func (s *processStore) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for event, err := range s.Store.Watch(ctx, kind, from, opts) {
			if gone := s.reach(); gone != nil {
				err = gone
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// processMembers is a process's way to the members.
type processMembers struct{ p *process }

func (m processMembers) Join(ctx context.Context, name string) (store.Member, error) {
	m.p.step()
	if m.p.gone.Load() {
		return nil, errKilled
	}
	joined, err := m.p.fleet.members.Join(ctx, name)
	if err != nil {
		return nil, err
	}
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	m.p.member = joined
	return &processMember{joined, m.p}, nil
}

func (m processMembers) Bury(ctx context.Context, id string) error {
	return m.p.fleet.members.Bury(ctx, id)
}

// processMember hears and does nothing while its process is frozen or killed.
type processMember struct {
	store.Member
	p *process
}

func (m *processMember) Hearing() (bool, <-chan struct{}) {
	m.p.mu.Lock()
	frozen := m.p.frozen
	m.p.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	heard, inner := m.Member.Hearing()
	changed := make(chan struct{})
	go func() {
		select {
		case <-inner:
		case <-m.p.ended:
			return
		}
		m.p.mu.Lock()
		frozen := m.p.frozen
		m.p.mu.Unlock()
		if frozen != nil {
			<-frozen
		}
		close(changed)
	}()
	return heard, changed
}

func (m *processMember) reach(do func() error) error {
	m.p.step()
	if m.p.gone.Load() {
		return errKilled
	}
	return do()
}

func (m *processMember) Roster(ctx context.Context) (r store.Roster, err error) {
	err = m.reach(func() error { r, err = m.Member.Roster(ctx); return err })
	return r, err
}

func (m *processMember) Claim(ctx context.Context, slots []int) error {
	return m.reach(func() error { return m.Member.Claim(ctx, slots) })
}

func (m *processMember) Release(ctx context.Context, slots []int) error {
	return m.reach(func() error { return m.Member.Release(ctx, slots) })
}

func (m *processMember) Retire(ctx context.Context) error {
	return m.reach(func() error { return m.Member.Retire(ctx) })
}

func (m *processMember) Leave(ctx context.Context) error {
	return m.reach(func() error { return m.Member.Leave(ctx) })
}
