package server

import "strings"

// target is what a path below /api or /apis names. Resource is empty for the
// group or version itself.
type target struct {
	group, version string
	namespace      string
	resource       string // plural
	name           string
	subresource    string
	rest           string // what follows the subresource
	watching       bool   // by the old path of watches
}

// parsePath takes the path of a resource request apart:
//
//	/api/v1/... and /apis/GROUP/VERSION/... followed by
//	[namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE[/REST]]]
//
// What follows may begin with watch/, which is the old way to say ?watch=true.
func parsePath(path string) (target, bool) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	var t target
	switch {
	case len(parts) >= 2 && parts[0] == "api":
		t.version, parts = parts[1], parts[2:]
	case len(parts) >= 3 && parts[0] == "apis":
		t.group, t.version, parts = parts[1], parts[2], parts[3:]
	default:
		return target{}, false
	}
	if len(parts) >= 2 && parts[0] == "watch" {
		t.watching, parts = true, parts[1:]
	}
	if t.ofNamespace(parts) {
		t.namespace, parts = parts[1], parts[2:]
	}
	for i, field := range []*string{&t.resource, &t.name, &t.subresource} {
		if i >= len(parts) {
			return t, true
		}
		if parts[i] == "" {
			return target{}, false
		}
		*field = parts[i]
	}
	t.rest = strings.Join(parts[3:], "/")
	return t, true
}

// ofNamespace tells namespaces/NS/pods, a resource within a namespace, from
// namespaces/NS and namespaces/NS/status, which are the namespace itself.
func (t target) ofNamespace(parts []string) bool {
	if len(parts) < 3 || parts[0] != "namespaces" || parts[1] == "" {
		return false
	}
	return t.group != "" || (parts[2] != "status" && parts[2] != "finalize")
}
