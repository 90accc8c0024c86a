package server

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/powernode/powernode/schemas"
)

// mostOwners is how many entries an account has at most, while there is nothing to put together in it.
const mostOwners = 10

// nobody is whose the fields of a client without a name are.
const nobody = "unknown"

// sameOwners is the account after a write that gives fields which its manager alone owns other
// values, and does nothing else: the same, at another time. It is what the field managers come to, which have to read and
// write all of the account for it. was and is are what differs. False leaves it to them.
func (s *Server) sameOwners(r *request, account []metav1.ManagedFieldsEntry, was, is map[string]any) ([]metav1.ManagedFieldsEntry, bool) {
	name, version := cmp.Or(r.manager(), nobody), r.kind.APIVersion()
	own := slices.IndexFunc(account, func(e metav1.ManagedFieldsEntry) bool {
		return e.Operation == metav1.ManagedFieldsOperationUpdate && e.Manager == name && e.APIVersion == version && e.Subresource == r.target.subresource
	})
	if own < 0 || len(account) > mostOwners {
		return nil, false
	}
	var values newValues
	if !values.of(r.kind.Schema, was, is, nil) {
		return nil, false
	}
	for i, e := range account {
		if e.APIVersion != version || !values.in(s.fieldSets.of(e), i == own) {
			return nil, false
		}
	}
	account = slices.Clone(account)
	account[own].Time = &metav1.Time{Time: time.Now().UTC()}
	slices.SortFunc(account, inAccount)
	return account, true
}

// inAccount is the order of entries.
func inAccount(a, b metav1.ManagedFieldsEntry) int {
	return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(unix(a.Time), unix(b.Time)),
		cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Subresource, b.Subresource))
}

func unix(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}

// newValues are the fields that are in two documents and have other values in one than in the other.
type newValues []fieldpath.Path

// in reports whether all are, or none is, in a set.
func (v newValues) in(set *fieldpath.Set, all bool) bool {
	return set != nil && !slices.ContainsFunc(v, func(path fieldpath.Path) bool { return set.Has(path) != all })
}

// of gathers the fields in which is differs from was. It is false when there is more to it: fields
// that come or go, items with keys of their own, values of which the schema does not say what they are.
func (v *newValues) of(s *schemas.Schema, was, is any, at fieldpath.Path) bool {
	if s == nil || s.PreserveUnknownFields || s.EmbeddedResource || s.JSONSchema || was == nil || is == nil {
		return false
	}
	switch before := was.(type) {
	case map[string]any:
		after, ok := is.(map[string]any)
		if !ok || len(at) == 1 && *at[0].FieldName == "metadata" {
			return ok && onlyServerSets(before) && onlyServerSets(after)
		}
		if s.MapType == "atomic" {
			break
		}
		return v.ofFields(s, before, after, at)
	case []any:
		if _, ok := is.([]any); !ok || s.ListType != "" && s.ListType != "atomic" || s.PatchStrategy != "" {
			return false
		}
	default:
		if s.Type == "object" || s.Type == "array" || isComposite(is) {
			return false
		}
	}
	*v = append(*v, slices.Clone(at))
	return true
}

func (v *newValues) ofFields(s *schemas.Schema, was, is map[string]any, at fieldpath.Path) bool {
	if len(was) != len(is) {
		return false
	}
	for name, value := range was {
		other, there := is[name]
		if !there || !v.of(fieldSchema(s, name), value, other, append(at, fieldpath.PathElement{FieldName: &name})) {
			return false
		}
	}
	return true
}

func isComposite(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// onlyServerSets reports whether metadata has nothing that an owner is noted of.
func onlyServerSets(metadata map[string]any) bool {
	for name := range metadata {
		switch name {
		case "name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion":
		default:
			return false
		}
	}
	return true
}
