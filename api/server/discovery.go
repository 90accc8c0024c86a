package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/schemas"
)

const kindNamespace = "Namespace"

// collectable kinds can be deleted all at once. Namespaces can't: each takes all
// that it holds with it.
func collectable(k *schemas.Kind) bool { return k.Group != "" || k.Kind != kindNamespace }

func verbsOf(k *schemas.Kind) metav1.Verbs {
	verbs := metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	if !collectable(k) {
		verbs = slices.DeleteFunc(verbs, func(v string) bool { return v == "deletecollection" })
	}
	return verbs
}

// belowOf is a subresource as discovery lists it.
type belowOf struct {
	kind  metav1.GroupVersionKind
	verbs metav1.Verbs
}

// subresourcesOf lists what lies below an object.
func (s *Server) subresourcesOf(k *schemas.Kind) map[string]belowOf {
	own := metav1.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
	subs := map[string]belowOf{}
	for name, sub := range s.subresources(k) {
		subs[name] = belowOf{cmp.Or(sub.kind, own), slices.Sorted(maps.Keys(sub.verbs))}
	}
	for name := range s.cfg.Subresources[k.Key()] {
		subs[name] = belowOf{own, metav1.Verbs{"get"}}
	}
	return subs
}

// coreVersions answers GET /api.
func (s *Server) coreVersions(c echo.Context) error {
	if v, ok := aggregated(c); ok {
		return sendTagged(c, v.contentType(), s.directory().aggregate(v, []string{""}))
	}
	return sendDiscovery(c, &metav1.APIVersions{
		TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
		ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{},
	})
}

// groups answers GET /apis.
func (s *Server) groups(c echo.Context) error {
	d := s.directory()
	if v, ok := aggregated(c); ok {
		return sendTagged(c, v.contentType(), d.aggregate(v, d.groups))
	}
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{}}
	for _, g := range d.groups {
		list.Groups = append(list.Groups, d.apiGroup(g))
	}
	return sendDiscovery(c, list)
}

// group answers GET /apis/GROUP.
func (s *Server) group(c echo.Context) error {
	name, d := strings.Trim(strings.TrimPrefix(c.Request().URL.Path, "/apis/"), "/"), s.directory()
	if !slices.Contains(d.groups, name) {
		return noSuchPath()
	}
	g := d.apiGroup(name)
	g.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
	return sendDiscovery(c, &g)
}

// resourceList answers GET /api/VERSION and /apis/GROUP/VERSION.
func (s *Server) resourceList(c echo.Context, t target) error {
	if c.Request().Method != http.MethodGet {
		return echo.ErrMethodNotAllowed
	}
	if err := s.settle(c.Request().Context(), 0); err != nil {
		return err
	}
	gv, d := groupVersion{t.group, t.version}, s.directory()
	if !slices.Contains(d.versions[gv.group], gv) {
		return noSuchPath()
	}
	list := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: gv.String(), APIResources: []metav1.APIResource{},
	}
	for _, k := range d.catalog.group(t.group, t.version) {
		list.APIResources = append(list.APIResources, s.resourcesOf(k)...)
	}
	for _, v := range virtualsOf(gv) {
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: v.plural, SingularName: v.singular, Namespaced: v.namespaced, Kind: v.kind, Verbs: metav1.Verbs{"create"},
		})
	}
	return sendDiscovery(c, list)
}

// sendDiscovery answers with a document of plain discovery, as JSON or YAML.
func sendDiscovery(c echo.Context, doc any) error {
	f, err := negotiate(c.Request().Header.Get(echo.HeaderAccept), false)
	if err != nil {
		return notAcceptable(c.Request(), mediaJSON, mediaYAML)
	}
	if f.media != mediaYAML {
		return sendTagged(c, mediaJSON, doc)
	}
	body, err := yaml.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode discovery: %w", err)
	}
	return sendBytes(c, mediaYAML, body)
}

func (s *Server) resourcesOf(k *schemas.Kind) []metav1.APIResource {
	all := []metav1.APIResource{{
		Name: k.Plural, SingularName: k.Singular, Namespaced: k.Namespaced, Kind: k.Kind,
		Verbs: verbsOf(k), ShortNames: k.ShortNames, Categories: k.Categories,
	}}
	subs := s.subresourcesOf(k)
	for _, name := range slices.Sorted(maps.Keys(subs)) {
		sub := metav1.APIResource{Name: k.Plural + "/" + name, Namespaced: k.Namespaced, Kind: subs[name].kind.Kind, Verbs: subs[name].verbs}
		if of := subs[name].kind; of.Group != k.Group || of.Version != k.Version {
			sub.Group, sub.Version = of.Group, of.Version
		}
		all = append(all, sub)
	}
	return all
}
