package rbac

import (
	"fmt"
	"strings"
)

// Decision is the answer to one question. The zero value says no.
type Decision struct {
	Allowed bool
	by      *grant // what allows it
	to      who    // to whom that was given
	missing []binding
}

// Allows decides. It does not allocate unless it says no.
func (p *Policy) Allows(a *Attributes) Decision {
	namespace := a.Namespace
	if a.Path != "" {
		namespace = "" // only a ClusterRoleBinding gives a path
	}
	var d Decision
	p.each(&a.User, namespace, func(w who, g *grant) bool {
		if g.missing {
			d.missing = append(d.missing, g.binding)
			return true
		}
		for i := range g.rules {
			if allows(&g.rules[i], a) {
				d = Decision{Allowed: true, by: g, to: w}
				return false
			}
		}
		return true
	})
	return d
}

// Reason says which binding allows it; of a refusal, which of the user's bindings are about a
// role that does not exist, as that is likely why. It is empty when there is nothing to say.
func (d Decision) Reason() string {
	if d.Allowed {
		return fmt.Sprintf("RBAC: allowed by %s to %s", d.by.binding, d.to)
	}
	if len(d.missing) == 0 {
		return ""
	}
	var problems []string
	for _, b := range d.missing {
		problems = append(problems, b.dangling())
	}
	if len(problems) == 1 {
		return "RBAC: " + problems[0]
	}
	return "RBAC: [" + strings.Join(problems, ", ") + "]"
}

// String names a binding and its role: RoleBinding "NAME/NAMESPACE" of ClusterRole "NAME".
func (b binding) String() string {
	if b.namespace == "" {
		return fmt.Sprintf("ClusterRoleBinding %q of %s %q", b.name, b.role.Kind, b.role.Name)
	}
	return fmt.Sprintf("RoleBinding %q of %s %q", b.name+"/"+b.namespace, b.role.Kind, b.role.Name)
}

func (b binding) dangling() string {
	return fmt.Sprintf("%s.%s %q not found", strings.ToLower(b.role.Kind), b.role.APIGroup, b.role.Name)
}
