package server

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// directory is what one catalog serves by group and version, what is answered and not stored included.
type directory struct {
	server  *Server
	catalog *catalog
	// groups are all but the core one, by name.
	groups []string
	// versions of each group, the preferred one first.
	versions map[string][]groupVersion
}

func (s *Server) directory() directory {
	d := directory{server: s, catalog: s.catalog(), versions: map[string][]groupVersion{}}
	for _, gv := range d.catalog.groupVersions() {
		d.add(gv)
	}
	for _, v := range virtuals() {
		if !slices.Contains(d.versions[v.group], v.groupVersion) {
			d.add(v.groupVersion)
		}
	}
	slices.Sort(d.groups)
	return d
}

func (d *directory) add(gv groupVersion) {
	if d.versions[gv.group] == nil && gv.group != "" {
		d.groups = append(d.groups, gv.group)
	}
	d.versions[gv.group] = append(d.versions[gv.group], gv)
}

func (d directory) apiGroup(name string) metav1.APIGroup {
	g := metav1.APIGroup{Name: name}
	for _, gv := range d.versions[name] {
		g.Versions = append(g.Versions, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.version})
	}
	g.PreferredVersion = g.Versions[0]
	return g
}

// virtualsOf are the resources of a group version that are answered and not stored.
func virtualsOf(gv groupVersion) (found []virtual) {
	for _, v := range virtuals() {
		if v.groupVersion == gv {
			found = append(found, v)
		}
	}
	return found
}
