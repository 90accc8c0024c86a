package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
)

const (
	// tidyEvery is how often it is looked whether something is due.
	tidyEvery = 10 * time.Minute
	// TokenKept is how long a Token stays to be seen after it has expired.
	TokenKept = 7 * 24 * time.Hour
)

// Run replaces the signing key when its time has come and removes keys and Tokens that have long
// ended, until ctx ends. Where nothing is due it writes nothing.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil && s.Log != nil {
			s.Log.Warn("tidying up keys and tokens was interrupted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tidyEvery):
		}
	}
}

// Tidy is one round of Run.
func (s *Service) Tidy(ctx context.Context) error {
	_, err := s.signing(ctx)
	return errors.Join(err, s.dropKeys(ctx), s.dropTokens(ctx))
}

// dropKeys removes the keys that verify no more.
func (s *Service) dropKeys(ctx context.Context) error {
	keys, err := s.ring(ctx, false)
	if err != nil {
		return err
	}
	valid := keys.valid(s.now())
	for _, k := range keys[:len(keys)-len(valid)] {
		if err := s.drop(ctx, k.object); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) dropTokens(ctx context.Context) error {
	list, err := s.Store.List(ctx, v1.Token, store.ListOptions{})
	if err != nil {
		return err
	}
	for _, obj := range list.Items {
		var spec v1.TokenSpec
		if err := json.Unmarshal(obj.Spec, &spec); err != nil || spec.ExpiresAt == nil || obj.DeletionTimestamp != nil {
			continue
		}
		if s.now().After(spec.ExpiresAt.Add(TokenKept)) {
			if err := s.drop(ctx, obj); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes what was read, unless it is another by now.
func (s *Service) drop(ctx context.Context, obj *api.Object) error {
	_, err := s.Store.Delete(ctx, obj.Key(), store.Preconditions{UID: string(obj.UID)}, store.By("pnserver"))
	if err != nil && !errors.Is(err, api.ErrNotFound) && !errors.Is(err, api.ErrConflict) {
		return fmt.Errorf("remove %s: %w", obj.Key(), err)
	}
	return nil
}
