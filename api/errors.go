package api

import "errors"

// The errors that every layer agrees on. Wrap them with what was being done:
// fmt.Errorf("%s: %w", key, ErrNotFound). The HTTP server and its client map
// them to status codes in one table each.
var (
	ErrNotFound  = errors.New("not found")
	ErrExists    = errors.New("already exists")
	ErrConflict  = errors.New("the object has been modified; please apply your changes to the latest version and try again")
	ErrInvalid   = errors.New("invalid")
	ErrExpired   = errors.New("the requested revision is no longer kept")
	ErrForbidden = errors.New("forbidden")
	// ErrUnavailable: what keeps the objects can't be reached now. Nothing was changed; try again later.
	ErrUnavailable = errors.New("the store can not be reached now")
	// ErrBusy: more is waiting to be written than may wait. Nothing was changed; try again later.
	ErrBusy = errors.New("too many writes are waiting; try again")
	// ErrUnreadable: the object is there, but what is stored of it does not open. It can be deleted, and nothing else.
	ErrUnreadable = errors.New("can not be read")
	// ErrAhead: the caller asked for a revision that the store has not reached.
	ErrAhead = errors.New("the requested revision is ahead of the store")
	// ErrUnknownOutcome: the write may or may not have happened; read before trying again.
	ErrUnknownOutcome = errors.New("the outcome of the write is not known")
)
