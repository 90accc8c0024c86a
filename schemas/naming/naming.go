// Package naming says which definitions get the names that they ask for: within a group a plural
// or singular name, a short name, a kind and a kind of list belong to one definition each.
//
// Who has a name keeps it: those of status.acceptedNames stay with their
// definition until it asks for others. Among definitions that nobody has judged
// yet the one that was written first goes first, in the one order of revisions: two that are judged
// at once by compare-and-swap on what was read can't both be given a name. The rules are those of Kubernetes. The package is
// pure, so that the server, which serves a kind at once, and the controller, which writes the
// verdict down, agree without asking each other.
package naming

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names are what a kind and its objects are called.
type Names struct {
	Plural     string   `json:"plural"`
	Singular   string   `json:"singular,omitempty"`
	ShortNames []string `json:"shortNames,omitempty"`
	Kind       string   `json:"kind"`
	ListKind   string   `json:"listKind,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

// WithDefaults fills in the singular and the kind of list that a definition leaves out.
func (n Names) WithDefaults() Names {
	n.Singular = cmp.Or(n.Singular, strings.ToLower(n.Kind))
	if n.Kind != "" {
		n.ListKind = cmp.Or(n.ListKind, n.Kind+"List")
	}
	return n
}

// Definition is what a definition asks for, and what it has.
type Definition struct {
	Name     string // of the object
	Group    string
	Revision string // its resourceVersion: the smaller one was written first
	Wanted   Names
	Accepted Names // the zero value when nobody has judged yet
}

// Verdict says which names a definition has; Reason is empty when it has all that it asks for, and
// Message then too.
type Verdict struct {
	Names           Names
	Reason, Message string
}

// Accepted reports whether the definition has all names that it asks for.
func (v Verdict) Accepted() bool { return v.Reason == "" }

// Judge says of each definition, by name, what it is called.
func Judge(definitions []Definition) map[string]Verdict {
	all := slices.Clone(definitions)
	slices.SortFunc(all, func(a, b Definition) int {
		return cmp.Or(cmp.Compare(len(a.Revision), len(b.Revision)), cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Name, b.Name))
	})
	claims := register{}
	for _, d := range all {
		claims.take(d.Name, d.Group, d.Accepted)
	}
	verdicts := map[string]Verdict{}
	for _, judged := range []bool{true, false} { // who has names goes before who has none
		for _, d := range all {
			if (d.Accepted.Kind != "") == judged {
				verdicts[d.Name] = claims.judge(d)
			}
		}
	}
	return verdicts
}

// register has the owner of every name: resources and kinds are named apart.
type register map[claim]string

type claim struct{ group, sort, name string }

func resource(group, name string) claim { return claim{group, "resource", name} }
func kind(group, name string) claim     { return claim{group, "kind", name} }

func claimsOf(group string, n Names) []claim {
	all := []claim{resource(group, n.Plural), resource(group, n.Singular), kind(group, n.Kind), kind(group, n.ListKind)}
	for _, short := range n.ShortNames {
		all = append(all, resource(group, short))
	}
	return slices.DeleteFunc(all, func(c claim) bool { return c.name == "" })
}

func (r register) take(owner, group string, n Names) {
	for _, c := range claimsOf(group, n) {
		if r[c] == "" {
			r[c] = owner
		}
	}
}

func (r register) release(owner, group string, n Names) {
	for _, c := range claimsOf(group, n) {
		if r[c] == owner {
			delete(r, c)
		}
	}
}

// free reports whether a definition may have a name.
func (r register) free(owner string, c claim) bool { return r[c] == "" || r[c] == owner }

// judge gives a definition the names that are free, one by one, and keeps those that it has where
// what it asks for is taken.
func (r register) judge(d Definition) Verdict {
	wanted, has := d.Wanted.WithDefaults(), d.Accepted
	v := Verdict{Names: Names{Categories: wanted.Categories}}
	one := func(reason string, c claim, has string) string {
		if r.free(d.Name, c) {
			return c.name
		}
		v.refuse(reason, fmt.Sprintf("%q is already in use", c.name))
		return has
	}
	v.Names.Plural = one("PluralConflict", resource(d.Group, wanted.Plural), has.Plural)
	v.Names.Singular = one("SingularConflict", resource(d.Group, wanted.Singular), has.Singular)
	v.Names.ShortNames = wanted.ShortNames
	for _, short := range wanted.ShortNames {
		if !r.free(d.Name, resource(d.Group, short)) {
			v.refuse("ShortNamesConflict", fmt.Sprintf("%q is already in use", short))
			v.Names.ShortNames = has.ShortNames
		}
	}
	v.Names.Kind = one("KindConflict", kind(d.Group, wanted.Kind), has.Kind)
	v.Names.ListKind = one("ListKindConflict", kind(d.Group, wanted.ListKind), has.ListKind)
	r.release(d.Name, d.Group, has)
	r.take(d.Name, d.Group, v.Names)
	return v
}

// refuse notes what stands against the names: the last reason, and all messages.
func (v *Verdict) refuse(reason, message string) {
	v.Reason = reason
	if v.Message != "" {
		message = v.Message + ", " + message
	}
	v.Message = message
}
