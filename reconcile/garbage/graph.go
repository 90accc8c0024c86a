package garbage

import (
	"slices"
	"strconv"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// graph is who owns whom, as the feeds tell it: behind the store, but never by a change left out.
type graph struct {
	mu         sync.Mutex
	nodes      map[types.UID]*node
	dependents map[types.UID]map[types.UID]*node // by the uid of the owner, there or not
}

// node is what the graph knows of an object. It does not change: another state is another node.
type node struct {
	meta                 metav1.TypeMeta
	uid                  types.UID
	key                  api.Key
	owners               []metav1.OwnerReference
	revision             store.Revision
	deleting             bool
	foreground, orphaner bool // is being deleted, and has the finalizer
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]map[types.UID]*node{}}
}

func nodeOf(obj *api.Object) *node {
	revision, _ := strconv.ParseInt(obj.ResourceVersion, 10, 64) // the store's own
	deleting := obj.DeletionTimestamp != nil
	return &node{
		meta: obj.TypeMeta, uid: obj.UID, key: obj.Key(), owners: obj.OwnerReferences, revision: store.Revision(revision), deleting: deleting,
		foreground: deleting && slices.Contains(obj.Finalizers, metav1.FinalizerDeleteDependents),
		orphaner:   deleting && slices.Contains(obj.Finalizers, metav1.FinalizerOrphanDependents),
	}
}

// blocks reports whether the object keeps its owner from going in the foreground.
func (n *node) blocks(owner types.UID) bool {
	return slices.ContainsFunc(n.owners, func(r metav1.OwnerReference) bool {
		return r.UID == owner && r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion
	})
}

// set takes in a state of an object, and returns who is to be examined because of it, and
// the references to owners in another namespace that came to light.
func (g *graph) set(now *node) (look []types.UID, found []foreign) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.nodes[now.uid]
	if was != nil && was.revision >= now.revision {
		return nil, nil
	}
	if was != nil {
		look = g.unlink(was)
	}
	g.nodes[now.uid] = now
	look = append(look, g.link(now)...)
	if g.suspect(now) {
		look = append(look, now.uid)
	}
	if now.foreground && (was == nil || !was.foreground) {
		for uid := range g.dependents[now.uid] {
			look = append(look, uid)
		}
	}
	if was == nil || !slices.EqualFunc(was.owners, now.owners, sameRef) {
		found = g.foreign(now)
	}
	return look, found
}

// remove takes an object out. Its dependents are to be examined, and the owners that waited for it.
func (g *graph) remove(uid types.UID) (look []types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.nodes[uid]
	if was == nil {
		return nil
	}
	delete(g.nodes, uid)
	look = g.unlink(was)
	for dependent := range g.dependents[uid] {
		look = append(look, dependent)
	}
	return look
}

// link enters the object with its owners, and returns those that wait for their dependents.
func (g *graph) link(n *node) (waiting []types.UID) {
	for _, ref := range n.owners {
		if g.dependents[ref.UID] == nil {
			g.dependents[ref.UID] = map[types.UID]*node{}
		}
		g.dependents[ref.UID][n.uid] = n
		if owner := g.nodes[ref.UID]; owner != nil && owner.foreground {
			waiting = append(waiting, ref.UID)
		}
	}
	return waiting
}

func (g *graph) unlink(n *node) (waiting []types.UID) {
	for _, ref := range n.owners {
		delete(g.dependents[ref.UID], n.uid)
		if len(g.dependents[ref.UID]) == 0 {
			delete(g.dependents, ref.UID)
		}
		if owner := g.nodes[ref.UID]; owner != nil && owner.foreground {
			waiting = append(waiting, ref.UID)
		}
	}
	return waiting
}

// suspect reports whether there may be something to do about the object.
func (g *graph) suspect(n *node) bool {
	if n.deleting {
		return n.foreground || n.orphaner
	}
	return slices.ContainsFunc(n.owners, func(r metav1.OwnerReference) bool {
		owner := g.nodes[r.UID]
		return owner == nil || owner.foreground || !owner.is(r, n)
	})
}

// is reports whether a reference of a dependent names the owner by all that it says.
func (n *node) is(r metav1.OwnerReference, dependent *node) bool {
	return n.key.Kind == api.KindOf(r.APIVersion, r.Kind) && n.key.Name == r.Name &&
		(n.key.Namespace == "" || n.key.Namespace == dependent.key.Namespace)
}

// foreign is a reference of an object to one in another namespace.
type foreign struct {
	dependent *node
	ref       metav1.OwnerReference
}

// foreign lists the references from and to the object that cross namespaces.
func (g *graph) foreign(n *node) (found []foreign) {
	for _, r := range n.owners {
		if owner := g.nodes[r.UID]; owner != nil && owner.elsewhere(n) {
			found = append(found, foreign{n, r})
		}
	}
	for _, dependent := range g.dependents[n.uid] {
		for _, r := range dependent.owners {
			if r.UID == n.uid && dependent != n && n.elsewhere(dependent) {
				found = append(found, foreign{dependent, r})
			}
		}
	}
	return found
}

// elsewhere reports whether the owner lives in another namespace than a dependent.
func (n *node) elsewhere(dependent *node) bool {
	return n.key.Namespace != "" && n.key.Namespace != dependent.key.Namespace
}

// find is the object if there may be something to do about it.
func (g *graph) find(uid types.UID) (*node, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.nodes[uid]
	return n, n != nil && g.suspect(n)
}

// dependentsOf lists the objects that name the owner.
func (g *graph) dependentsOf(uid types.UID) (list []*node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.dependents[uid] {
		list = append(list, n)
	}
	return list
}

// blocked reports whether a dependent is known that the owner has to wait for.
func (g *graph) blocked(uid types.UID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.dependents[uid] {
		if n.blocks(uid) {
			return true
		}
	}
	return false
}

// circle reports whether the owner holds up, directly or not, a dependent that it waits for.
func (g *graph) circle(uid types.UID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen, next := map[types.UID]bool{}, []types.UID{uid}
	for len(next) > 0 {
		owner := next[0]
		next = next[1:]
		for _, n := range g.dependents[owner] {
			switch {
			case !n.foreground || !n.blocks(owner):
			case n.uid == uid:
				return true
			case !seen[n.uid]:
				seen[n.uid] = true
				next = append(next, n.uid)
			}
		}
	}
	return false
}

// naming lists the objects to be examined that name an owner of a kind.
func (g *graph) naming(kind string) (look []types.UID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for uid, n := range g.nodes {
		names := slices.ContainsFunc(n.owners, func(r metav1.OwnerReference) bool { return api.KindOf(r.APIVersion, r.Kind) == kind })
		if names && g.suspect(n) {
			look = append(look, uid)
		}
	}
	return look
}

func sameRef(a, b metav1.OwnerReference) bool {
	return a.UID == b.UID && a.Name == b.Name && a.Kind == b.Kind && a.APIVersion == b.APIVersion
}
