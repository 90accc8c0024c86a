package examples

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// user is somebody beside the administrator, who has a token and a kubeconfig of her own.
type user struct {
	*server
	config []string // the flag that names it
}

func (u *user) can(line string, words ...string) string {
	u.t.Helper()
	return u.kubectl(slices.Concat(args(line), u.config), words...)
}

func (u *user) cannot(line string, words ...string) {
	u.t.Helper()
	u.refuses(slices.Concat(args(line), u.config), words...)
}

// TestAUserOfOneNamespace is the life of a user: her token and her rights, what she does and
// takes back, what of it the administrator finds in the record, and her end.
func TestAUserOfOneNamespace(t *testing.T) {
	s := startServer(t)
	s.kubectl(args("create namespace team"), "created")
	s.kubectl(args("create rolebinding ann-edits -n team --clusterrole=edit --user=ann"), "created")
	token := regexp.MustCompile(`pnt_\S+`).FindString(s.pnctl(args("token create anns --for-user ann --group dev --ttl 1h")...))
	ann := &user{s, []string{"--kubeconfig", s.as("ann", token)}}

	ann.has(token)
	ann.takesBack()
	s.actsAs(ann)
	s.findsInTheRecord(ann, token)
	s.pnctl("token", "revoke", "anns")
	ann.cannot("get pl -n team", "Unauthorized")
	s.kubectl(args("get pl talk -n team"), "talk")
}

// has rights in the one namespace, and can't give herself more.
func (u *user) has(token string) {
	u.t.Helper()
	u.can("auth whoami", "ann", "dev")
	u.can("auth can-i create pipelines -n team", "yes")
	u.cannot("auth can-i create pipelines -n default", "no")
	if out, err := u.tryInput(talk, "kubectl", slices.Concat(args("apply -n team -f -"), u.config)...); err != nil {
		u.t.Fatalf("%v: %s", err, out)
	}
	u.can("wait -n team --for=condition=Succeeded pr/talk-1 --timeout=1m", "condition met")
	for _, line := range []string{"get pl -A", "get pl", "get tokens", "delete namespace team", "get --raw /audit/v1/records", "--as=admin get pl",
		"create rolebinding mine -n team --clusterrole=admin --user=ann"} {
		u.cannot(line, "forbidden", `User "ann"`)
	}
	if whole := u.kubectl(args("get token anns -o yaml")); strings.Contains(whole, token) {
		u.t.Errorf("the token can be read again:\n%s", whole)
	}
}

// takesBack undoes a change, which is one more change of hers.
func (u *user) takesBack() {
	u.t.Helper()
	u.kubectl(slices.Concat([]string{"patch", "pl", "talk", "-n", "team", "--type=merge", "-p", `{"spec":{"suspended":true}}`}, u.config), "patched")
	pnctl := func(line string) string { return u.pnctl(slices.Concat(args(line), u.config)...) }
	mentions(u.t, "history", pnctl("rollout history pl/talk -n team"), []string{"1", "2", "ann"})
	pnctl("rollout undo pl/talk -n team")
	if got := u.can("get pl talk -n team -o jsonpath={.metadata.generation}{.spec.suspended}"); strings.TrimSuffix(got, "false") != "3" {
		u.t.Errorf("generation and suspended after the undo: %s", got)
	}
	mentions(u.t, "the second revision", pnctl("get pl talk -n team --at 2 -o yaml"), []string{"suspended: true"})
}

// actsAs: the administrator sees what the user sees.
func (s *server) actsAs(ann *user) {
	s.t.Helper()
	s.kubectl(args("--as=ann get pl -n team"), "talk")
	s.refuses(args("--as=ann get pl"), `User "ann" cannot list resource "pipelines"`)
	s.kubectl(args("--as=ann label pl talk -n team by=admin"), "labeled")
}

// findsInTheRecord what the user did, what was refused to her, and what was done in her name; nothing of the token.
func (s *server) findsInTheRecord(ann *user, token string) {
	s.t.Helper()
	list := s.pnctl(args("audit list --limit 0 --by ann -o wide")...)
	for _, line := range [][]string{
		{"ann", "create", "pipelines", "team/talk", "201"},
		{"ann", "patch", "pipelines", "team/talk", "200"},
		{"ann", "create", "rolebindings", " team/ ", "403"},
		{"admin", "ann", "patch", "pipelines", "team/talk", "200"},
	} {
		if lineWith(list, line) == "" {
			s.t.Errorf("no line with %q in:\n%s", line, list)
		}
	}
	if all := s.pnctl(args("audit list --limit 0 -o json")...); strings.Contains(all, token) {
		s.t.Error("the token is in the record")
	}
	s.pnctl("audit", "verify")
	ann.cannot("get --raw /audit/v1/links", `User "ann"`)
}
