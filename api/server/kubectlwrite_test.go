package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

// subject is an object that a session with kubectl writes: one value of it.
type subject struct {
	what    string // kind/name
	path    string // of the object in the API
	file    string // with %s for the value
	patch   string // merge patch, with %s for the value
	pointer string // of the value
	builtin bool   // kubectl merges it strategically
	values  [4]string
}

func widgetSubject() subject {
	return subject{
		what: "widget/one", path: widgets + "/one", patch: `{"spec":{"colour":"%s"}}`, pointer: "/spec/colour",
		file:   "apiVersion: test.powernode.io/v1\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: 3\n  colour: %s\n",
		values: [4]string{"red", "green", "blue", "red"},
	}
}

func pipelineSubject() subject {
	return subject{
		what: "pipeline/one", path: "/apis/powernode.io/v1/namespaces/default/pipelines/one",
		patch: `{"spec":{"steps":[{"name":"a","type":"custom","with":{"command":"%s"}}]}}`, pointer: "/spec/steps/0/with/command",
		file:   "apiVersion: powernode.io/v1\nkind: Pipeline\nmetadata:\n  name: one\nspec:\n  steps:\n  - name: a\n    type: custom\n    with:\n      command: %s\n",
		values: [4]string{"first", "second", "third", "fourth"},
	}
}

func configMapSubject() subject {
	return subject{
		what: "configmap/one", path: "/api/v1/namespaces/default/configmaps/one",
		patch: `{"data":{"colour":"%s"}}`, pointer: "/data/colour", builtin: true,
		file:   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  colour: %s\n",
		values: [4]string{"red", "green", "blue", "grey"},
	}
}

// withPipelines adds a kind of ours.
func withPipelines(t testing.TB) func(*server.Config) {
	return withKind(t, "../../schemas/pipelines.yaml")
}

// writing is kubectl at work on a subject.
type writing struct {
	*kubectl
	subject
	resource, name string
}

// writes makes of a part of the work one that is done on the subject.
func writes(s subject, part func(*writing)) func(*kubectl) {
	resource, name, _ := strings.Cut(s.what, "/")
	return func(k *kubectl) { part(&writing{k, s, resource, name}) }
}

func (s *writing) write(value string) string {
	return s.kubectl.file("object.yaml", fmt.Sprintf(s.subject.file, value))
}

// has looks at the object without kubectl, which would take its time.
func (s *writing) has(value string) {
	s.Helper()
	var at any = s.want(s.get(s.path), 200).json(s)
	for part := range strings.SplitSeq(s.pointer[1:], "/") {
		switch whole := at.(type) {
		case map[string]any:
			at = whole[part]
		case []any:
			at = whole[0]
		}
	}
	if at != value {
		s.Fatalf("the value is %q, want %q", at, value)
	}
}

func (s *writing) object() *api.Object {
	s.Helper()
	return s.want(s.get(s.path), 200).object(s)
}

// unchanged runs kubectl and makes sure that it stored nothing.
func (s *writing) unchanged(args []string, parts ...string) {
	s.Helper()
	before := s.object().ResourceVersion
	s.run(args, parts...)
	if after := s.object().ResourceVersion; after != before {
		s.Fatalf("kubectl %s: version %s became %s", strings.Join(args, " "), before, after)
	}
}

func (s *writing) everything() {
	s.clientSide()
	s.serverSide()
	s.replaceAndEdit()
	s.patches()
	s.labels()
}

func (s *writing) clientSide() {
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

func (s *writing) serverSide() {
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

func (s *writing) replaceAndEdit() {
	v := s.values
	s.run([]string{"replace", "-f", s.write(v[1])}, "replaced")
	s.has(v[1])
	uid := s.object().UID
	s.run([]string{"replace", "--force", "-f", s.write(v[2])}, "replaced")
	s.has(v[2])
	if s.object().UID == uid {
		s.Fatalf("replace --force kept the object")
	}
	s.edits([]string{"edit", s.what}, v[2], v[2], v[1])
	s.has(v[1])
}

func (s *writing) patches() {
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

func (s *writing) labels() {
	s.run([]string{"label", s.what, "a=b"}, "labeled")
	s.unchanged([]string{"label", s.what, "a=b"}, "not labeled")
	s.fails([]string{"label", s.what, "a=c"}, "--overwrite is false")
	s.run([]string{"annotate", s.what, "x=y"}, "annotate")
	s.fails([]string{"annotate", s.what, "x=z", "--overwrite", "--resource-version=1"}, "the object has been modified")
	s.run([]string{"annotate", s.what, "x=z", "--overwrite", "--resource-version=" + s.object().ResourceVersion}, "annotate")
	s.run([]string{"label", s.what, "a-"}, "unlabeled")
	s.unchanged([]string{"delete", s.what, "--dry-run=server"}, "deleted", "(server dry run)")
	s.run([]string{"delete", s.what}, "deleted")
	s.want(s.get(s.path), 404)
}
