package store

import (
	"context"
	"time"
)

// Slots is how many parts the keys of a store are divided into: members share the work by them.
const Slots = 1024

// Members are the processes that work on the objects of one store, and which of
// them works on which slots. A slot has one owner at a time, and only a member can be one.
//
// That a member lives is heard, not written: every BeatEvery it says so to all, itself
// included. One that the others have not heard for SilenceEnds, while they heard
// themselves, they take for dead: its membership ends, its slots are free, and its writes that are
// Fenced are refused from that moment on. One that does not hear itself for SilencePauses knows that
// this may come, and is to stop its work until it does. No clocks of two machines are compared, and nothing
// is written while nobody joins, leaves or dies.
type Members interface {
	// Join makes the caller a member, under an id that nobody had before. The name is for people.
	Join(ctx context.Context, name string) (Member, error)
	// Bury ends the membership of a process that is known to have ended, without waiting
	// for its silence. An id of no member is no error.
	Bury(ctx context.Context, id string) error
}

// Member is one membership, until it is left or lost. All methods are safe for
// concurrent use; once the membership has ended those with an error return ErrFenced.
type Member interface {
	// ID is what writes are Fenced by.
	ID() string
	// Hearing tells whether the member hears itself, which it does not before its first beat; changed is
	// closed when that, or the roster, is no longer what it was before the call.
	Hearing() (heard bool, changed <-chan struct{})
	// Roster reads who works on what now. It never shows an owner that a later Roster of any member denies
	// without that owner's Release or end in between.
	Roster(ctx context.Context) (Roster, error)
	// Claim takes those of the slots that are free. Which these were the next Roster tells.
	Claim(ctx context.Context, slots []int) error
	// Release gives those of the slots back that the member owns. No work on them may go on any more.
	Release(ctx context.Context, slots []int) error
	// Retire takes the member off the roster, so that the others divide all slots among them.
	// It keeps its slots and its writes until Release and Leave.
	Retire(ctx context.Context) error
	// Leave ends the membership.
	Leave(ctx context.Context) error
}

// Roster is who works on what at one moment.
type Roster struct {
	Members []string // ids of those who have not retired, in order
	Owners  []string // by slot; "" is nobody
}

// The times of a membership. From SilencePauses to SilenceEnds a member that is cut off has time to
// end what it is doing; a dead one is replaced a little after SilenceEnds.
const (
	BeatEvery     = 2 * time.Second
	SilencePauses = 5 * time.Second
	SilenceEnds   = 8 * time.Second
)
