// Package garbage removes what is left behind: objects whose owners, by their
// ownerReferences, are all gone. It does what the garbage collector of Kubernetes does,
// for built-in kinds and for those that users define, as they come and go.
//
// A Collector follows every kind and keeps who owns whom in a graph of uids. The
// graph only says where to look: whatever is removed or changed is decided on
// by reading the objects themselves from the store and written by
// compare-and-swap, so that nothing goes whose owner is there. All state is in the
// objects; a Collector that died left nothing behind that another does not find.
//
// The three ways to delete an owner (api.Propagate): in the background it is gone at once, and
// its dependents follow; in the foreground it keeps the finalizer "foregroundDeletion" until no
// dependent with blockOwnerDeletion is left; as an orphan-maker it keeps the finalizer
// "orphan" until no dependent names it any more.
//
// A reference that can't be judged keeps its object for good: one to a kind
// that is not served, or from outside namespaces to an object in one.
//
// The package knows metadata only: neither specs nor what a removal means to a kind.
package garbage
