// Package chaos tells whether a cluster of servers keeps its word while it is being broken.
//
// Writers change ConfigMaps of one namespace over HTTP and note what they were answered;
// followers list and watch them as informers and browsers do, and note what they were told.
// Afterwards the whole history is read back, and checks compare it with all notes: every
// follower was told every change once and in order, every acknowledged write is there and
// no refused one, counters add up, and each object behaved as if one server had carried out
// one request at a time (linearizability, by porcupine).
//
// The package knows nothing of processes: who breaks what is the test's matter, in the order
// of a Plan, which a seed decides. What it notes is memory of the test, so a run is bounded
// by its length and not by its load: writers pause.
package chaos
