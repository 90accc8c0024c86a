package rbac

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Objects are all that a Policy follows from.
type Objects struct {
	Roles               []*rbacv1.Role
	ClusterRoles        []*rbacv1.ClusterRole
	RoleBindings        []*rbacv1.RoleBinding
	ClusterRoleBindings []*rbacv1.ClusterRoleBinding
}

// Policy is what a set of RBAC objects allows. It does not change and is safe for
// concurrent use; it shares the rules of the objects that it was made of.
type Policy struct {
	cluster    grants
	namespaces map[string]grants
	roles      map[roleKey][]rbacv1.PolicyRule
}

// grants are what the bindings of one namespace, or those of the cluster, give to
// each subject; the same role twice counts once.
type grants map[who][]*grant

// grant is one role, given by one binding.
type grant struct {
	binding binding
	rules   []rbacv1.PolicyRule
	missing bool // there is no such role
}

type binding struct {
	namespace, name string
	role            rbacv1.RoleRef
}

// roleKey names a Role, or a ClusterRole where the namespace is empty.
type roleKey struct{ namespace, name string }

// New makes the policy of a set of objects.
func New(o Objects) *Policy {
	p := &Policy{cluster: grants{}, namespaces: map[string]grants{}, roles: map[roleKey][]rbacv1.PolicyRule{}}
	for _, r := range o.Roles {
		p.roles[roleKey{r.Namespace, r.Name}] = r.Rules
	}
	for _, r := range o.ClusterRoles {
		p.roles[roleKey{"", r.Name}] = r.Rules
	}
	for _, b := range byName(o.ClusterRoleBindings, func(b *rbacv1.ClusterRoleBinding) string { return b.Name }) {
		p.bind(p.cluster, binding{"", b.Name, b.RoleRef}, b.Subjects)
	}
	for _, b := range byName(o.RoleBindings, func(b *rbacv1.RoleBinding) string { return b.Name }) {
		in := p.namespaces[b.Namespace]
		if in == nil {
			in = grants{}
			p.namespaces[b.Namespace] = in
		}
		p.bind(in, binding{b.Namespace, b.Name, b.RoleRef}, b.Subjects)
	}
	return p
}

// byName orders bindings, so that the same objects give the same reasons.
func byName[B any](list []B, name func(B) string) []B {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b B) int { return cmp.Compare(name(a), name(b)) })
	return list
}

func (p *Policy) bind(in grants, b binding, subjects []rbacv1.Subject) {
	rules, ok := p.RulesOf(b.role, b.namespace)
	g := &grant{b, rules, !ok}
	for _, s := range subjects {
		w, ok := whoIs(s, b.namespace)
		if !ok || slices.ContainsFunc(in[w], func(had *grant) bool { return had.binding.role == b.role }) {
			continue
		}
		in[w] = append(in[w], g)
	}
}

// RulesOf are the rules of the role that a binding in a namespace ("" of a
// ClusterRoleBinding) refers to; false when there is no such role.
func (p *Policy) RulesOf(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, bool) {
	switch {
	case ref.Kind == "ClusterRole":
		namespace = ""
	case ref.Kind != "Role" || namespace == "":
		return nil, false
	}
	rules, ok := p.roles[roleKey{namespace, ref.Name}]
	return rules, ok
}

// each calls visit with the grants of a user: those of the cluster, then those of the
// namespace, if any. It ends when visit returns false.
func (p *Policy) each(u *User, namespace string, visit func(who, *grant) bool) {
	if !p.cluster.each(u, visit) || namespace == "" {
		return
	}
	if in, ok := p.namespaces[namespace]; ok {
		in.each(u, visit)
	}
}

func (in grants) each(u *User, visit func(who, *grant) bool) bool {
	if !in.eachOf(who{name: u.Name}, visit) {
		return false
	}
	for _, group := range u.Groups {
		if !in.eachOf(who{group: true, name: group}, visit) {
			return false
		}
	}
	return true
}

func (in grants) eachOf(w who, visit func(who, *grant) bool) bool {
	for _, g := range in[w] {
		if !visit(w, g) {
			return false
		}
	}
	return true
}
