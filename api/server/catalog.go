package server

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"

	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// catalog is the set of kinds that are served, with all that follows from it. It does not
// change: another set is another catalog, and a request works with one from beginning to end.
type catalog struct {
	kinds  []*schemas.Kind // by group, version and plural
	paths  map[[3]string]*schemas.Kind
	groups map[groupVersion]*groupKinds
	fields map[*schemas.Kind]*fieldManagers
	// swagger describes all kinds to clients that do not read the documents of groups.
	swagger swagger
	// custom has those of the kinds that a definition in the store made.
	custom map[*schemas.Kind]custom
	// revision is that of the definitions which the catalog was made of; -1 before the first ones were read.
	revision store.Revision
}

// custom is what a definition says of a kind beside its form.
type custom struct {
	// terminating kinds have no new objects: their definition is being deleted.
	terminating bool
	// uid is the definition's.
	uid types.UID
}

// catalog is what is served now.
func (s *Server) catalog() *catalog { return s.current.Load() }

// newCatalog serves kinds. What was derived from a group version of the catalog before
// is kept where its kinds are the same ones.
func newCatalog(kinds []*schemas.Kind, before *catalog) (*catalog, error) {
	c := &catalog{
		kinds: slices.Clone(kinds), paths: map[[3]string]*schemas.Kind{},
		groups: map[groupVersion]*groupKinds{}, fields: map[*schemas.Kind]*fieldManagers{},
	}
	slices.SortFunc(c.kinds, func(a, b *schemas.Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), -version.CompareKubeAwareVersionStrings(a.Version, b.Version), cmp.Compare(a.Plural, b.Plural))
	})
	if before != nil && slices.Equal(c.kinds, before.kinds) {
		c.swagger = before.swagger
	} else {
		c.swagger = newSwagger(c.kinds)
	}
	of := map[groupVersion][]*schemas.Kind{}
	for _, k := range c.kinds {
		path := [3]string{k.Group, k.Version, k.Plural}
		if other, ok := c.paths[path]; ok {
			return nil, fmt.Errorf("kinds %s and %s are both served as %s", other.Kind, k.Kind, k.Plural)
		}
		c.paths[path] = k
		gv := groupVersion{k.Group, k.Version}
		of[gv] = append(of[gv], k)
	}
	for gv, kinds := range of {
		c.groups[gv] = before.derived(gv, kinds)
	}
	for _, k := range c.kinds {
		if c.fields[k] = before.managers(k); c.fields[k] == nil {
			c.fields[k] = newFieldManagers(k, c.versions(k))
		}
	}
	return c, nil
}

// managers are those of a kind, whose versions are made together; nil when it is new.
func (c *catalog) managers(k *schemas.Kind) *fieldManagers {
	if c == nil {
		return nil
	}
	return c.fields[k]
}

// derived is what was derived from kinds already, or is to be.
func (c *catalog) derived(gv groupVersion, kinds []*schemas.Kind) *groupKinds {
	if c != nil && c.groups[gv] != nil && slices.Equal(c.groups[gv].kinds, kinds) {
		return c.groups[gv]
	}
	return newGroupKinds(gv, kinds)
}

// find is the kind that is served under a plural name.
func (c *catalog) find(group, version, plural string) (*schemas.Kind, bool) {
	k, ok := c.paths[[3]string{group, version, plural}]
	return k, ok
}

// group lists the kinds of one group and version.
func (c *catalog) group(group, version string) []*schemas.Kind {
	if g := c.groups[groupVersion{group, version}]; g != nil {
		return g.kinds
	}
	return nil
}

// versions are the kinds that are the same as k in another version, and k itself.
func (c *catalog) versions(k *schemas.Kind) []*schemas.Kind {
	var same []*schemas.Kind
	for _, other := range c.kinds {
		if other.Group == k.Group && other.Kind == k.Kind {
			same = append(same, other)
		}
	}
	return same
}

// groupVersion is one version of one group.
type groupVersion struct{ group, version string }

func (g groupVersion) String() string {
	if g.group == "" {
		return g.version
	}
	return g.group + "/" + g.version
}

// path is where the group version is served, without a leading slash.
func (g groupVersion) path() string {
	if g.group == "" {
		return "api/" + g.version
	}
	return "apis/" + g.group + "/" + g.version
}

// groupVersions lists what is served: groups by name, the versions of each with the
// preferred one first.
func (c *catalog) groupVersions() []groupVersion {
	var all []groupVersion
	for _, k := range c.kinds {
		all = append(all, groupVersion{k.Group, k.Version})
	}
	return slices.Compact(all)
}
