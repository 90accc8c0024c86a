package server

import (
	"fmt"
	"maps"
	"slices"

	"github.com/labstack/echo/v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/schemas"
)

// The documents of aggregated discovery, in the words of apidiscovery.k8s.io,
// whose versions v2 and v2beta1 are alike.
type (
	groupDiscoveryList struct {
		Kind       string           `json:"kind"`
		APIVersion string           `json:"apiVersion"`
		Metadata   struct{}         `json:"metadata"`
		Items      []groupDiscovery `json:"items"`
	}
	groupDiscovery struct {
		Metadata groupName          `json:"metadata"`
		Versions []versionDiscovery `json:"versions"`
	}
	groupName struct {
		Name string `json:"name,omitempty"`
	}
	versionDiscovery struct {
		Version   string              `json:"version"`
		Resources []resourceDiscovery `json:"resources"`
		Freshness string              `json:"freshness"`
	}
	resourceDiscovery struct {
		Resource         string                  `json:"resource"`
		ResponseKind     metav1.GroupVersionKind `json:"responseKind"`
		Scope            string                  `json:"scope"`
		SingularResource string                  `json:"singularResource"`
		Verbs            []string                `json:"verbs"`
		ShortNames       []string                `json:"shortNames,omitempty"`
		Categories       []string                `json:"categories,omitempty"`
		Subresources     []subresourceDiscovery  `json:"subresources,omitempty"`
	}
	subresourceDiscovery struct {
		Subresource  string                  `json:"subresource"`
		ResponseKind metav1.GroupVersionKind `json:"responseKind"`
		Verbs        []string                `json:"verbs"`
	}
)

// discoveryVersion is a version of apidiscovery.k8s.io.
type discoveryVersion string

// contentType says what the body is: clients go by it.
func (v discoveryVersion) contentType() string {
	return fmt.Sprintf("%s;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList", mediaJSON, string(v))
}

// aggregated reports whether the client asks for aggregated discovery first.
func aggregated(c echo.Context) (discoveryVersion, bool) {
	for _, a := range parseAccept(c.Request().Header.Get(echo.HeaderAccept)) {
		if a.media != mediaJSON && a.media != "*/*" {
			continue
		}
		if a.params["g"] != "apidiscovery.k8s.io" || a.params["as"] != "APIGroupDiscoveryList" {
			return "", false
		}
		if v := a.params["v"]; v == "v2" || v == "v2beta1" {
			return discoveryVersion(v), true
		}
	}
	return "", false
}

// aggregate describes groups.
func (d directory) aggregate(v discoveryVersion, groups []string) *groupDiscoveryList {
	list := &groupDiscoveryList{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/" + string(v), Items: []groupDiscovery{}}
	for _, name := range groups {
		g := groupDiscovery{Metadata: groupName{name}}
		for _, gv := range d.versions[name] {
			g.Versions = append(g.Versions, versionDiscovery{gv.version, d.discover(gv), "Current"})
		}
		list.Items = append(list.Items, g)
	}
	return list
}

func (d directory) discover(gv groupVersion) []resourceDiscovery {
	all := []resourceDiscovery{}
	for _, k := range d.catalog.group(gv.group, gv.version) {
		all = append(all, d.server.discoverKind(k))
	}
	for _, v := range virtualsOf(gv) {
		scope := "Cluster"
		if v.namespaced {
			scope = "Namespaced"
		}
		all = append(all, resourceDiscovery{
			Resource: v.plural, SingularResource: v.singular, Scope: scope, Verbs: []string{"create"},
			ResponseKind: metav1.GroupVersionKind{Group: gv.group, Version: gv.version, Kind: v.kind},
		})
	}
	return all
}

func (s *Server) discoverKind(k *schemas.Kind) resourceDiscovery {
	kind := metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
	d := resourceDiscovery{
		Resource: k.Plural, SingularResource: k.Singular, ResponseKind: kind, Scope: "Cluster",
		Verbs: verbsOf(k), ShortNames: k.ShortNames, Categories: k.Categories,
	}
	if k.Namespaced {
		d.Scope = "Namespaced"
	}
	subs := s.subresourcesOf(k)
	for _, name := range slices.Sorted(maps.Keys(subs)) {
		d.Subresources = append(d.Subresources, subresourceDiscovery{name, subs[name].kind, subs[name].verbs})
	}
	return d
}
