package server_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/schemas"
)

// subject is an object that a session with kubectl writes: value has its only line.
type subject struct {
	what     string // kind/name
	file     string // with %s for the value
	jsonpath string // of the value
	patch    string // merge patch, with %s for the value
	pointer  string // of the value
	builtin  bool   // kubectl merges it strategically
	values   [4]string
}

func subjects() map[string]subject {
	return map[string]subject{
		"a custom kind": {
			what: "widget/one", jsonpath: "{.spec.colour}", patch: `{"spec":{"colour":"%s"}}`, pointer: "/spec/colour",
			file:   "apiVersion: test.powernode.io/v1\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: 3\n  colour: %s\n",
			values: [4]string{"red", "green", "blue", "red"},
		},
		"a kind of ours": {
			what: "pipeline/one", jsonpath: "{.spec.steps[0].with.command}", patch: `{"spec":{"steps":[{"name":"a","type":"custom","with":{"command":"%s"}}]}}`, pointer: "/spec/steps/0/with/command",
			file:   "apiVersion: powernode.io/v1\nkind: Pipeline\nmetadata:\n  name: one\nspec:\n  steps:\n  - name: a\n    type: custom\n    with:\n      command: %s\n",
			values: [4]string{"first", "second", "third", "fourth"},
		},
		"a built-in kind": {
			what: "configmap/one", jsonpath: "{.data.colour}", patch: `{"data":{"colour":"%s"}}`, pointer: "/data/colour", builtin: true,
			file:   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  colour: %s\n",
			values: [4]string{"red", "green", "blue", "grey"},
		},
	}
}

// withPipelines adds a kind of ours.
func withPipelines(t testing.TB) func(*server.Config) {
	t.Helper()
	doc, err := os.ReadFile("../../schemas/pipelines.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schemas.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Kinds = append(c.Kinds, kind) }
}

// session is kubectl at work on a subject.
type session struct {
	*kubectl
	subject
	resource, name string
}

func (s *session) write(value string) string {
	return s.kubectl.file("object.yaml", fmt.Sprintf(s.subject.file, value))
}

func (s *session) has(value string) {
	s.Helper()
	if got := s.run([]string{"get", s.what, "-o", "jsonpath=" + s.jsonpath}); got != value {
		s.Fatalf("the value is %q, want %q", got, value)
	}
}

func (s *session) version() string {
	s.Helper()
	return s.run([]string{"get", s.what, "-o", "jsonpath={.metadata.resourceVersion}"})
}

// unchanged runs kubectl and makes sure that it stored nothing.
func (s *session) unchanged(args []string, parts ...string) {
	s.Helper()
	before := s.version()
	s.run(args, parts...)
	if after := s.version(); after != before {
		s.Fatalf("kubectl %s: version %s became %s", strings.Join(args, " "), before, after)
	}
}

// Every row of what kubectl writes, on a kind of each sort.
func TestKubectlWriteSessions(t *testing.T) {
	k := startKubectl(t, withPipelines(t))
	for name, subject := range subjects() {
		t.Run(name, func(t *testing.T) {
			h := *k.harness
			h.TB = t
			resource, object, _ := strings.Cut(subject.what, "/")
			s := &session{&kubectl{&h, k.home}, subject, resource, object}
			s.clientSide()
			s.serverSide()
			s.replaceAndEdit()
			s.patches()
			s.labels()
			s.ends()
		})
	}
}

func (s *session) clientSide() {
	v := s.values
	file := s.write(v[0])
	s.run([]string{"create", "-f", file}, s.name+" created")
	s.fails([]string{"create", "-f", file}, "AlreadyExists")
	s.run([]string{"delete", "-f", file}, "deleted")
	s.run([]string{"apply", "-f", file, "--dry-run=server"}, "created (server dry run)")
	s.run([]string{"apply", "-f", file}, "created")
	s.unchanged([]string{"apply", "-f", file}, "unchanged")
	s.write(v[1])
	if out, ok := s.try("diff", "-f", file); ok || !strings.Contains(out, v[1]) || !strings.Contains(out, "generation: 2") {
		s.Fatalf("diff: %t %s", ok, out)
	}
	s.unchanged([]string{"apply", "-f", file, "--dry-run=server"}, "configured (server dry run)")
	s.has(v[0])
	s.run([]string{"apply", "-f", file}, "configured")
	s.has(v[1])
}

func (s *session) serverSide() {
	v := s.values
	file := s.write(v[2])
	if out, ok := s.try("diff", "--server-side", "-f", file); ok || !strings.Contains(out, v[2]) {
		s.Fatalf("diff: %t %s", ok, out)
	}
	s.run([]string{"apply", "--server-side", "-f", file}, "serverside-applied") // takes over from the client's apply
	s.has(v[2])
	s.unchanged([]string{"apply", "--server-side", "-f", file}, "serverside-applied")
	account := s.run([]string{"get", s.what, "-o", "yaml", "--show-managed-fields"}, "manager: kubectl\n", "operation: Apply")
	if strings.Contains(account, "manager: kubectl-client-side-apply") {
		s.Fatalf("the client's apply still owns something:\n%s", account)
	}
	s.run([]string{"patch", s.what, "--type=merge", "--field-manager=rival", "-p", fmt.Sprintf(s.patch, v[0])}, "patched")
	s.fails([]string{"apply", "--server-side", "-f", file}, `conflict with "rival"`, "--force-conflicts")
	s.has(v[0])
	s.run([]string{"apply", "--server-side", "--force-conflicts", "-f", file}, "serverside-applied")
	s.has(v[2])
	s.unchanged([]string{"apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", s.write(v[0])}, "serverside-applied (server dry run)")
	s.run([]string{"apply", "-f", s.write(v[2])}, "one") // and back: kubectl's annotation has kept up
}

func (s *session) replaceAndEdit() {
	v := s.values
	s.run([]string{"replace", "-f", s.write(v[1])}, "replaced")
	s.has(v[1])
	uid := s.run([]string{"get", s.what, "-o", "jsonpath={.metadata.uid}"})
	s.run([]string{"replace", "--force", "-f", s.write(v[2])}, "replaced")
	s.has(v[2])
	if again := s.run([]string{"get", s.what, "-o", "jsonpath={.metadata.uid}"}); again == uid {
		s.Fatalf("replace --force kept the object")
	}
	s.kubectl.file("editor", fmt.Sprintf("#!/bin/sh\nsed -i 's/%s/%s/' \"$1\"\n", v[2], v[1]))
	s.run([]string{"edit", s.what}, "edited")
	s.has(v[1])
}

func (s *session) patches() {
	v := s.values
	s.run([]string{"patch", s.what, "--type=merge", "-p", fmt.Sprintf(s.patch, v[2])}, "patched")
	s.unchanged([]string{"patch", s.what, "--type=merge", "-p", fmt.Sprintf(s.patch, v[2])}, "patched (no change)")
	s.run([]string{"patch", s.what, "--type=json", "-p", fmt.Sprintf(`[{"op":"test","path":%q,"value":%q},{"op":"replace","path":%q,"value":%q}]`, s.pointer, v[2], s.pointer, v[0])}, "patched")
	s.fails([]string{"patch", s.what, "--type=json", "-p", fmt.Sprintf(`[{"op":"test","path":%q,"value":"no"}]`, s.pointer)}, "is invalid")
	s.has(v[0])
	if s.builtin {
		s.run([]string{"patch", s.what, "-p", fmt.Sprintf(s.patch, v[1])}, "patched")
		s.has(v[1])
		return
	}
	s.fails([]string{"patch", s.what, "-p", fmt.Sprintf(s.patch, v[1])}, "application/strategic-merge-patch+json is not supported by")
}

func (s *session) labels() {
	s.run([]string{"label", s.what, "a=b"}, "labeled")
	s.unchanged([]string{"label", s.what, "a=b"}, "not labeled")
	s.fails([]string{"label", s.what, "a=c"}, "--overwrite is false")
	s.run([]string{"annotate", s.what, "x=y"}, "annotated")
	s.fails([]string{"annotate", s.what, "x=z", "--overwrite", "--resource-version=1"}, "the object has been modified")
	s.run([]string{"annotate", s.what, "x=z", "--overwrite", "--resource-version=" + s.version()}, "annotated")
	s.run([]string{"label", s.what, "a-"}, "unlabeled")
}

func (s *session) ends() {
	s.run([]string{"wait", s.what, "--for=jsonpath={.metadata.name}=one", "--timeout=20s"}, "condition met")
	s.unchanged([]string{"delete", s.what, "--dry-run=server"}, "deleted (server dry run)")
	s.run([]string{"delete", s.what}, "deleted")
	s.run([]string{"wait", s.what, "--for=delete", "--timeout=20s"})
}

func TestKubectlWritesSubresources(t *testing.T) {
	k := startKubectl(t, withFleets(t))
	file := k.file("fleet.yaml", "apiVersion: test.powernode.io/v1\nkind: Fleet\nmetadata: {name: one}\nspec: {ships: 3}\n")
	k.run([]string{"apply", "-f", file}, "created")
	k.run(args("scale fleet/one --replicas=5"), "scaled")
	k.run(args("scale fleet/one --replicas=6 --current-replicas=5"), "scaled")
	k.fails(args("scale fleet/one --replicas=7 --current-replicas=5"), "Expected replicas to be 5, was 6")
	k.fails(args("scale fleet/one --replicas=7 --resource-version=1"), "1, was")
	k.run(args("get fleet one -o jsonpath={.spec.ships}"), "6")
	k.run(args("get fleet one --subresource=scale -o jsonpath={.spec.replicas}"), "6")
	k.run([]string{"patch", "fleet", "one", "--subresource=scale", "--type=merge", "-p", `{"spec":{"replicas":7}}`}, "patched")
	k.run([]string{"patch", "fleet", "one", "--subresource=status", "--type=merge", "-p", `{"status":{"ships":7},"spec":{"ships":1}}`}, "patched")
	k.run([]string{"patch", "fleet", "one", "--subresource=status", "--type=json", "-p", `[{"op":"replace","path":"/status/ships","value":8}]`}, "patched")
	k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), "7/8")
	k.file("editor", "#!/bin/sh\nsed -i 's/ships: 8/ships: 9/' \"$1\"\n")
	k.run(args("edit fleet one --subresource=status"), "edited")
	k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), "7/9")
	k.run(args("get fleet one --subresource=status -o jsonpath={.status.ships}"), "9")
	replaced := k.run(args("get fleet one -o yaml"))
	k.run([]string{"replace", "--subresource=status", "-f", k.file("all.yaml", strings.ReplaceAll(strings.ReplaceAll(replaced, "ships: 9", "ships: 4"), "ships: 7", "ships: 1"))}, "replaced")
	k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), "7/4")
	k.fails([]string{"patch", "namespace", "default", "--subresource=scale", "--type=merge", "-p", `{}`}, "NotFound")
	k.run([]string{"patch", "namespace", "default", "--subresource=status", "-p", `{"status":{"conditions":[{"type":"a","status":"True"}]}}`}, "patched")
	k.run(args("get namespace default -o jsonpath={.status.phase}{.status.conditions[0].type}"), "Activea")
}

// Since 1.33 kubectl applies to subresources.
func TestKubectlAppliesToSubresources(t *testing.T) {
	k := startKubectl(t, withFleets(t), func(c *server.Config) { c.GitVersion = "v1.33.0+powernode" })
	if out := k.run(args("version")); !strings.Contains(out, "Client Version: v1.33") {
		t.Skipf("no such kubectl here: %s", out)
	}
	file := k.file("fleet.yaml", "apiVersion: test.powernode.io/v1\nkind: Fleet\nmetadata: {name: one}\nspec: {ships: 3}\nstatus: {ships: 2}\n")
	k.run([]string{"apply", "--server-side", "-f", file}, "serverside-applied")
	k.run([]string{"apply", "--server-side", "--subresource=status", "-f", file}, "serverside-applied")
	k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), "3/2")
	k.run(args("get fleet one -o yaml --show-managed-fields"), "subresource: status")
}
