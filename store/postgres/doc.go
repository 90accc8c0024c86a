// Package postgres keeps objects, tasks and logs in PostgreSQL 15 or newer, for
// any number of servers on one database.
//
// All writes are put into one order by the lock of a one-row counter, which every
// committing batch takes first: whoever sees revision n therefore also sees all before it.
// A lock per write would be slow, so each server commits in batches: one
// statement takes whatever was queued while the one before committed (batcher.go,
// batch.go), compares and swaps, and writes the log of changes in the same breath.
//
// Every server holds all objects and the latest changes in memory (store.Hub).
// Its own batches go there straight; those of others are read from the log, as
// soon as a NOTIFY says so, or within a second (follow.go, listen.go). A read that must
// be the latest asks the counter and waits for the memory to come that far (fresh.go).
//
// Servers that run controllers are rows of members, and share slots among them (members.go). That
// they live they say on the connection that listens (pulse.go), not in a row.
//
// A write can be fenced by a member (store.Fenced): its batch locks the member's row after the counter. A batch
// whose outcome was lost is looked up, or abandoned on the counter's row, so that it can't happen later (resolve.go).
//
// No session of the database is relied on but that of the listener, which needs a direct address where
// the other leads to a pooler that lends out its sessions (pooler.go). There a batch brings its settings with it and is
// planned anew each time, as its statement has no name.
//
// Nothing is written while nothing changes. When the database goes away, writes
// fail and say so, and everything reconnects by itself. The package refuses to know
// what the objects mean.
package postgres
