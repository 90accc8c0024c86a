package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/powernode/powernode/store"
)

// knownMembers remembers the latest membership of a data directory in a file. Only one process at a time
// runs on the directory; so at the next start the one before has ended, however it did, and its work
// is taken over at once instead of after a silence.
type knownMembers struct {
	store.Members
	path string
}

// Join implements store.Members.
func (k knownMembers) Join(ctx context.Context, name string) (store.Member, error) {
	former, err := os.ReadFile(k.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the membership before: %w", err)
	}
	if id := strings.TrimSpace(string(former)); id != "" {
		if err := k.Bury(ctx, id); err != nil {
			return nil, err
		}
	}
	member, err := k.Members.Join(ctx, name)
	if err != nil {
		return nil, err
	}
	return member, os.WriteFile(k.path, []byte(member.ID()+"\n"), 0o600)
}
