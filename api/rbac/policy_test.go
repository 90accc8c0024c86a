package rbac

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// The words that generated objects and questions are made of: few, so that they meet.
var (
	verbs      = []string{"get", "list", "*"}
	apiGroups  = []string{"", "apps", "*"}
	resources  = []string{"pods", "pods/log", "jobs", "*", "*/log", "pods/*", "podslog", "og", "*/g"}
	names      = []string{"a", "b"}
	urls       = []string{"/a", "/a/*", "/a*", "*", "/b"}
	namespaces = []string{"one", "two"}
	roleNames  = []string{"r1", "r2", "r3"}
	userNames  = []string{"ann", "ben", "system:serviceaccount:one:sa"}
	groupNames = []string{"g1", "g2"}
)

func some(t *rapid.T, label string, from []string, least int) []string {
	return rapid.SliceOfN(rapid.SampledFrom(from), least, 3).Draw(t, label)
}

func one(t *rapid.T, label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(t, label)
}

func ruleOf(t *rapid.T) rbacv1.PolicyRule {
	if rapid.Bool().Draw(t, "of paths") {
		return rbacv1.PolicyRule{Verbs: some(t, "verbs", verbs, 1), NonResourceURLs: some(t, "urls", urls, 1)}
	}
	return rbacv1.PolicyRule{
		Verbs: some(t, "verbs", verbs, 1), APIGroups: some(t, "groups", apiGroups, 1),
		Resources: some(t, "resources", resources, 1), ResourceNames: some(t, "names", names, 0),
	}
}

func subjectsOf(t *rapid.T) []rbacv1.Subject {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) rbacv1.Subject {
		switch one(t, "kind", "User", "Group", "ServiceAccount") {
		case "User":
			return rbacv1.Subject{Kind: "User", Name: one(t, "user", userNames...)}
		case "Group":
			return rbacv1.Subject{Kind: "Group", Name: one(t, "group", groupNames...)}
		}
		return rbacv1.Subject{Kind: "ServiceAccount", Name: "sa", Namespace: one(t, "of", "", "one", "two")}
	}), 1, 3).Draw(t, "subjects")
}

func objectsOf(t *rapid.T) Objects {
	var o Objects
	rules := rapid.SliceOfN(rapid.Custom(ruleOf), 1, 4)
	for _, name := range roleNames {
		if rapid.IntRange(0, 3).Draw(t, "there") > 0 {
			o.ClusterRoles = append(o.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules.Draw(t, "rules")})
		}
		for _, ns := range namespaces {
			if rapid.IntRange(0, 3).Draw(t, "there") > 0 {
				o.Roles = append(o.Roles, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Rules: rules.Draw(t, "rules")})
			}
		}
	}
	ref := func() rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: one(t, "ref", "Role", "ClusterRole"), Name: one(t, "role", roleNames...)}
	}
	for i := range rapid.IntRange(2, 8).Draw(t, "bindings") {
		meta := metav1.ObjectMeta{Name: fmt.Sprint("b", i)}
		if rapid.Bool().Draw(t, "cluster") {
			o.ClusterRoleBindings = append(o.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjectsOf(t), RoleRef: ref()})
			continue
		}
		meta.Namespace = one(t, "namespace", namespaces...)
		o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjectsOf(t), RoleRef: ref()})
	}
	return o
}

func questionOf(t *rapid.T) *Attributes {
	a := &Attributes{User: User{Name: one(t, "user", userNames...), Groups: some(t, "groups", groupNames, 0)}, Verb: one(t, "verb", "get", "list", "watch")}
	if rapid.Bool().Draw(t, "path") {
		a.Path = one(t, "path", "/a", "/a/b", "/ab", "/b", "/c")
		a.Namespace = one(t, "namespace", "", "one")
		return a
	}
	a.Group, a.Resource = one(t, "group", "", "apps"), one(t, "resource", "pods", "jobs")
	a.Subresource = one(t, "subresource", "", "log", "og", "scale")
	a.Namespace, a.Name = one(t, "namespace", "", "one", "two"), one(t, "name", "", "a", "c")
	return a
}

// naive is the same decision put another way: every binding is looked at, every rule is
// taken apart into patterns, and the question is a line of text that one has to match.
func naive(o Objects, a *Attributes) bool {
	patterns := func(rules []rbacv1.PolicyRule) (all []string) {
		for _, r := range rules {
			if a.Path != "" {
				all = append(all, cross(r.Verbs, r.NonResourceURLs)...)
				continue
			}
			if len(r.ResourceNames) == 0 {
				all = append(all, cross(r.Verbs, r.APIGroups, r.Resources, []string{"*"})...)
			}
			all = append(all, cross(r.Verbs, r.APIGroups, r.Resources, r.ResourceNames)...)
		}
		return all
	}
	question := a.Verb + " " + a.Path
	if a.Path == "" {
		question = strings.Join([]string{a.Verb, a.Group, strings.TrimSuffix(a.Resource+"/"+a.Subresource, "/"), a.Name}, " ")
	}
	given := func(subjects []rbacv1.Subject, ref rbacv1.RoleRef, namespace string) bool {
		for _, p := range patterns(rulesOf(o, ref, namespace)) {
			if slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return isUser(s, namespace, a.User) }) && glob(p, a.Path != "").MatchString(question) {
				return true
			}
		}
		return false
	}
	for _, b := range o.ClusterRoleBindings {
		if given(b.Subjects, b.RoleRef, "") {
			return true
		}
	}
	for _, b := range o.RoleBindings {
		if a.Path == "" && b.Namespace == a.Namespace && given(b.Subjects, b.RoleRef, b.Namespace) {
			return true
		}
	}
	return false
}

func cross(lists ...[]string) []string {
	lines := []string{""}
	for i, list := range lists {
		var longer []string
		for _, line := range lines {
			for _, word := range list {
				longer = append(longer, strings.TrimPrefix(line+" "+word, strings.Repeat(" ", btoi(i == 0))))
			}
		}
		lines = longer
	}
	return lines
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// glob: a word that is * stands for any, */x for any resource with the subresource x, and
// a path may end with *.
func glob(pattern string, path bool) *regexp.Regexp {
	words := strings.Split(pattern, " ")
	for i, w := range words {
		switch {
		case w == "*":
			words[i] = `[^ ]*`
		case path && i == 1 && strings.HasSuffix(w, "*"):
			words[i] = regexp.QuoteMeta(strings.TrimSuffix(w, "*")) + `.*`
		case i == 2 && strings.HasPrefix(w, "*/"):
			words[i] = `[^ /]+/` + regexp.QuoteMeta(w[2:])
		default:
			words[i] = regexp.QuoteMeta(w)
		}
	}
	return regexp.MustCompile("^" + strings.Join(words, " ") + "$")
}

func isUser(s rbacv1.Subject, namespace string, u User) bool {
	switch s.Kind {
	case "Group":
		return slices.Contains(u.Groups, s.Name)
	case "User":
		return u.Name == s.Name
	}
	if s.Namespace == "" {
		s.Namespace = namespace
	}
	return s.Namespace != "" && u.Name == "system:serviceaccount:"+s.Namespace+":"+s.Name
}

func rulesOf(o Objects, ref rbacv1.RoleRef, namespace string) []rbacv1.PolicyRule {
	for _, r := range o.ClusterRoles {
		if ref.Kind == "ClusterRole" && r.Name == ref.Name {
			return r.Rules
		}
	}
	for _, r := range o.Roles {
		if ref.Kind == "Role" && r.Name == ref.Name && r.Namespace == namespace {
			return r.Rules
		}
	}
	return nil
}

func TestDecisionsAgreeWithANaiveFormulation(t *testing.T) {
	yes := 0
	rapid.Check(t, func(t *rapid.T) {
		o := objectsOf(t)
		p := New(o)
		for range 40 {
			a := questionOf(t)
			got, want := p.Allows(a), naive(o, a)
			if got.Allowed != want {
				t.Fatalf("%+v: got %v, want %v; %s", *a, got.Allowed, want, got.Reason())
			}
			if want {
				yes++
			}
		}
	})
	if yes < 100 {
		t.Errorf("only %d questions were answered with yes: the test says little", yes)
	}
}

// What all a user may do, and whether he is allowed one thing, are two ways to say the same.
func TestRulesForSaysWhatIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(objectsOf(t))
		for range 10 {
			a := questionOf(t)
			if a.Path != "" {
				a.Namespace = ""
			}
			rules := p.RulesFor(a.User, a.Namespace)
			own := slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return allows(&r, a) })
			if got := p.Allows(a).Allowed; got != own {
				t.Fatalf("%+v: allowed %v, by rules %v", *a, got, own)
			}
		}
	})
}

// Who lacks none of the rules can do all that they allow.
func TestNothingMissingMeansNothingGained(t *testing.T) {
	covered := 0
	rapid.Check(t, func(t *rapid.T) {
		p := New(objectsOf(t))
		u := questionOf(t).User
		wanted := rapid.SliceOfN(rapid.Custom(ruleOf), 1, 2).Draw(t, "wanted")
		if missing, err := p.Missing(u, "one", wanted); err != nil || len(missing) > 0 {
			return
		}
		covered++
		for range 30 {
			a := questionOf(t)
			a.User, a.Namespace = u, "one"
			if a.Path != "" {
				continue
			}
			if slices.ContainsFunc(wanted, func(r rbacv1.PolicyRule) bool { return allows(&r, a) }) && !p.Allows(a).Allowed {
				t.Fatalf("%+v is in %v, nothing is missing, and it is not allowed", *a, wanted)
			}
		}
	})
	t.Logf("%d were covered", covered)
}
