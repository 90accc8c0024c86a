package memory

import (
	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// Join makes a member of the installation, whose fenced writes are taken.
func (s *Store) Join(member string) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.members == nil {
		s.members = map[string]struct{}{}
	}
	s.members[member] = struct{}{}
}

// Leave ends a membership: afterwards no write that is fenced by it is done.
func (s *Store) Leave(member string) {
	s.writing.Lock()
	defer s.writing.Unlock()
	delete(s.members, member)
}

// fence refuses a change that is fenced by who is no member; the caller holds writing.
func (s *Store) fence(key api.Key, member string, c store.Change) error {
	if _, is := s.members[member]; is || member == "" || c.Type == "" {
		return nil
	}
	return store.FencedOff(key, member)
}
