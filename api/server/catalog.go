package server

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/powernode/powernode/schemas"
)

// catalog is the set of kinds that are served, with all that follows from it. It does not
// change: another set is another catalog, and a request works with one from beginning to end.
type catalog struct {
	kinds   []*schemas.Kind // by group, version and plural
	paths   map[[3]string]*schemas.Kind
	openapi openapiDocs
	fields  map[*schemas.Kind]*fieldManagers
}

// catalog is what is served now.
func (s *Server) catalog() *catalog { return s.current.Load() }

func newCatalog(kinds []*schemas.Kind) (*catalog, error) {
	c := &catalog{kinds: slices.Clone(kinds), paths: map[[3]string]*schemas.Kind{}}
	slices.SortFunc(c.kinds, func(a, b *schemas.Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Plural, b.Plural))
	})
	for _, k := range c.kinds {
		path := [3]string{k.Group, k.Version, k.Plural}
		if other, ok := c.paths[path]; ok {
			return nil, fmt.Errorf("kinds %s and %s are both served as %s", other.Kind, k.Kind, k.Plural)
		}
		c.paths[path] = k
	}
	c.fields = map[*schemas.Kind]*fieldManagers{}
	for _, k := range c.kinds {
		c.fields[k] = newFieldManagers(k, c.versions(k))
	}
	var err error
	c.openapi, err = newOpenAPI(c)
	return c, err
}

// find is the kind that is served under a plural name.
func (c *catalog) find(group, version, plural string) (*schemas.Kind, bool) {
	k, ok := c.paths[[3]string{group, version, plural}]
	return k, ok
}

// group lists the kinds of one group and version.
func (c *catalog) group(group, version string) []*schemas.Kind {
	var found []*schemas.Kind
	for _, k := range c.kinds {
		if k.Group == group && k.Version == version {
			found = append(found, k)
		}
	}
	return found
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

// groupVersions lists what is served, in order.
func (c *catalog) groupVersions() []groupVersion {
	var all []groupVersion
	for _, k := range c.kinds {
		all = append(all, groupVersion{k.Group, k.Version})
	}
	return slices.Compact(all)
}
