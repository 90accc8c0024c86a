package api

import "strings"

// Group is the API group of Powernode's own kinds, and Version the version
// they are served in.
const (
	Group      = "powernode.io"
	Version    = "v1"
	APIVersion = Group + "/" + Version
)

// Key names one object for as long as it exists.
//
// Kind is the kind qualified by its group in the form of
// schema.GroupKind.String: "Pipeline.powernode.io", and plain "Secret" for the
// core group. Namespace is empty for kinds that live outside namespaces.
type Key struct {
	Kind, Namespace, Name string
}

// String is the short form for people: Pipeline/default/build.
func (k Key) String() string {
	kind, _, _ := strings.Cut(k.Kind, ".")
	if k.Namespace == "" {
		return kind + "/" + k.Name
	}
	return kind + "/" + k.Namespace + "/" + k.Name
}

// KindOf qualifies a kind by the group of apiVersion ("v1" is the core group).
func KindOf(apiVersion, kind string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found || group == "" {
		return kind
	}
	return kind + "." + group
}
