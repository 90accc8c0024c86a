package store

import (
	"errors"
	"fmt"

	"github.com/powernode/powernode/api"
)

// ErrFenced: the write was refused, and nothing written, because the member that it was to be
// fenced by is none (any more).
var ErrFenced = errors.New("the server that writes is no member any more")

// Fenced has a write done only while member is one of the members of the installation, to the very
// moment of its commit: once the end of a membership is committed, none of its
// writes is, however long it was on its way. Else it fails with ErrFenced. A write that would change nothing,
// and a dry run, are not checked. The empty member fences nothing.
func Fenced(member string) WriteOption { return func(w *Write) { w.Fence = member } }

// FencedOff is the error of a fenced write of an object.
func FencedOff(key api.Key, member string) error {
	return fmt.Errorf("write %s as member %s: %w", key, member, ErrFenced)
}
