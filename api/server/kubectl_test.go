package server_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api/server"
)

// kubectl is the real one, with a home of its own.
type kubectl struct {
	*harness
	home string
}

func startKubectl(t *testing.T, change ...func(*server.Config)) *kubectl {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real kubectl")
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Fatal("kubectl is needed: install it, for example with: apt-get install kubernetes-client")
	}
	k := &kubectl{start(t, change...), t.TempDir()}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.ca.Raw})
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
`, k.URL, base64.StdEncoding.EncodeToString(authority), adminToken)
	k.file("config", config)
	return k
}

// file writes a file into the home and returns its path.
func (k *kubectl) file(name, content string) string {
	k.Helper()
	path := filepath.Join(k.home, name)
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		k.Fatal(err)
	}
	return path
}

func (k *kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Env = []string{"HOME=" + k.home, "KUBECONFIG=" + filepath.Join(k.home, "config"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + k.home, "EDITOR=" + filepath.Join(k.home, "editor")}
	cmd.Dir = k.home
	return cmd
}

// try runs kubectl and returns what it said and whether it succeeded.
func (k *kubectl) try(args ...string) (string, bool) {
	k.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := k.command(ctx, args...).CombinedOutput()
	if ctx.Err() != nil {
		k.Fatalf("kubectl %s: did not end: %s", strings.Join(args, " "), out)
	}
	return string(out), err == nil
}

// run wants success and all the parts in the output.
func (k *kubectl) run(args []string, parts ...string) string {
	k.Helper()
	out, ok := k.try(args...)
	if !ok {
		k.Fatalf("kubectl %s: %s", strings.Join(args, " "), out)
	}
	contains(k, "kubectl "+strings.Join(args, " "), out, parts...)
	return out
}

// fails wants an error and all the parts in the output.
func (k *kubectl) fails(args []string, parts ...string) {
	k.Helper()
	out, ok := k.try(args...)
	if ok {
		k.Fatalf("kubectl %s succeeded: %s", strings.Join(args, " "), out)
	}
	contains(k, "kubectl "+strings.Join(args, " "), out, parts...)
}

func contains(t testing.TB, what, out string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Fatalf("%s: no %q in:\n%s", what, part, out)
		}
	}
}

// background starts a kubectl that goes on; its output grows in the buffer.
func (k *kubectl) background(args ...string) *syncBuffer {
	k.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := newSyncBuffer()
	cmd := k.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	return out
}

func args(line string) []string { return strings.Fields(line) }

const widgetFile = `apiVersion: test.powernode.io/v1
kind: Widget
metadata:
  name: one
  labels: {app: demo}
spec:
  size: 3
  parts:
  - {name: wheel, count: 4}
`

func TestKubectlFindsItsWay(t *testing.T) {
	k := startKubectl(t)
	k.run(args("version"), "Server Version: v1.32.0+powernode")
	k.run(args("api-versions"), "test.powernode.io/v1", "v1\n", "authentication.k8s.io/v1")
	k.run(args("api-resources"), "widgets", "wd", "test.powernode.io/v1", "true", "Widget", "namespaces", "ns", "secrets", "events")
	k.run(args("explain widget"), "GROUP:      test.powernode.io", "KIND:       Widget", "A Widget is something to test with.")
	k.run(args("explain widget.spec.parts"), "What it is made of.", "-required-")
	k.run(args("explain widget --recursive"), "parts", "observedGeneration")
	k.run(args("get --raw /healthz"), "ok")
	k.run(args("get --raw "+allWidgets), `"kind":"WidgetList"`, `"items":[]`)
	k.run(args("auth whoami"), "admin", "system:masters")
	k.run(args("auth can-i create widgets"), "yes")
	if out, _ := k.try("auth", "can-i", "create", "deployments.apps"); !strings.Contains(out, "no") {
		t.Errorf("can-i of a resource that is not served: %s", out)
	}
	k.run(args("auth can-i --list"), "*.*")
}

func TestKubectlReads(t *testing.T) {
	k := startKubectl(t)
	k.run(args("create namespace other"), "namespace/other created")
	for n, name := range []string{"c", "a", "b"} {
		k.widget(name, 10*(n+1))
	}
	k.want(k.post("/apis/test.powernode.io/v1/namespaces/other/widgets", widgetBody("far", 9)), 201)
	k.merge(widgets+"/a", `{"metadata":{"labels":{"tier":"front"}},"spec":{"colour":"blue"}}`)

	k.run(args("get wd"), "NAME   SIZE   PHASE   AGE", "a      20", "b      30", "c      10")
	k.run(args("get widgets -o wide"), "COLOUR", "blue")
	k.run(args("get widgets -A"), "NAMESPACE", "other", "far")
	k.run(args("get all"), "a      20")
	k.run(args("get widget a -o yaml"), "colour: blue", "size: 20", "kind: Widget")
	k.run(args("get widgets -o name"), "widget.test.powernode.io/a\nwidget.test.powernode.io/b\nwidget.test.powernode.io/c")
	k.run(args("get widgets -l tier=front -o name"), "widget.test.powernode.io/a")
	k.run(args("get widgets --show-labels"), "tier=front")
	k.run(args("get widgets --field-selector spec.colour=blue -o name"), "widget.test.powernode.io/a")
	k.run(args("get widgets --field-selector metadata.name=b -o name"), "widget.test.powernode.io/b")
	k.fails(args("get widgets --field-selector spec.size=1"), "field label not supported: spec.size")
	k.fails(args("get widget nobody"), `widgets.test.powernode.io "nobody" not found`)
	out := k.run(args("get widgets --sort-by .spec.size"), "SIZE")
	if c, a, b := strings.Index(out, "\nc "), strings.Index(out, "\na "), strings.Index(out, "\nb "); c > a || a > b {
		t.Errorf("not sorted:\n%s", out)
	}
	paged := k.run(args("get widgets --chunk-size 1 -o name"))
	if strings.Count(paged, "widget") != 3*1 {
		t.Errorf("paged list: %s", paged)
	}
	k.run(args("get ns"), "STATUS", "Active")
	k.run([]string{"get", "widgets", "-o", "jsonpath={.items[*].spec.size}"}, "20 30 10")
}

func TestKubectlWrites(t *testing.T) {
	k := startKubectl(t)
	file := k.file("one.yaml", widgetFile)
	k.run(args("apply -f "+file), "widget.test.powernode.io/one created")
	k.run(args("apply -f "+file), "widget.test.powernode.io/one unchanged")
	k.file("one.yaml", strings.Replace(widgetFile, "size: 3", "size: 4", 1))
	if out, _ := k.try("diff", "-f", file); !strings.Contains(out, "-  size: 3") || !strings.Contains(out, "+  size: 4") {
		t.Errorf("diff: %s", out)
	}
	k.run(args("apply --dry-run=server -f "+file), "configured (server dry run)")
	k.run([]string{"get", "wd", "one", "-o", "jsonpath={.spec.size}"}, "3")
	k.run(args("apply -f "+file), "configured")
	k.run([]string{"get", "wd", "one", "-o", "jsonpath={.spec.size} {.metadata.generation}"}, "4 2")

	k.run(args("label wd one tier=back"), "labeled")
	k.run(args("label wd one tier=back"), "not labeled")
	k.run(args("annotate wd one note=hello"), "annotated")
	k.fails(args("label wd one tier=front --overwrite --resource-version=1"), "the object has been modified")
	k.run([]string{"patch", "wd", "one", "--type=merge", "-p", `{"spec":{"size":5}}`}, "patched")
	k.run([]string{"patch", "wd", "one", "--type=merge", "-p", `{"spec":{"size":5}}`}, "patched (no change)")
	k.run([]string{"patch", "wd", "one", "--type=json", "-p", `[{"op":"replace","path":"/spec/size","value":6}]`}, "patched")
	k.fails([]string{"patch", "wd", "one", "-p", `{"spec":{"size":5}}`}, "not supported")
	k.run([]string{"patch", "wd", "one", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Up"}}`}, "patched")
	k.run(args("get wd one"), "Up")

	editor := k.file("editor.sh", "#!/bin/sh\nsed -i 's/size: 6/size: 7/' \"$1\"\n")
	k.file("config-env", "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	edit := k.command(ctx, "edit", "wd", "one")
	edit.Env = append(edit.Env, "EDITOR="+editor)
	if out, err := edit.CombinedOutput(); err != nil || !strings.Contains(string(out), "edited") {
		t.Errorf("edit: %v: %s", err, out)
	}
	k.run([]string{"get", "wd", "one", "-o", "jsonpath={.spec.size}"}, "7")

	k.run(args("replace -f "+file), "replaced")
	k.file("two.yaml", strings.Replace(widgetFile, "name: one", "name: two", 1))
	k.run(args("create -f two.yaml"), "created")
	k.fails(args("create -f two.yaml"), "already exists")
	k.run(args("delete wd two"), `widget.test.powernode.io "two" deleted`)
	k.run(args("delete wd --all"), `"one" deleted`)
	k.fails(args("get wd one"), "not found")
}

func TestKubectlHearsWhatIsWrong(t *testing.T) {
	k := startKubectl(t)
	k.file("unknown.yaml", strings.Replace(widgetFile, "  size: 3", "  size: 3\n  sise: 4", 1))
	k.fails(args("apply -f unknown.yaml"), `strict decoding error: unknown field "spec.sise"`)
	k.run(args("apply --validate=warn -f unknown.yaml"), `Warning: unknown field "spec.sise"`, "created")
	k.file("wrong.yaml", strings.Replace(widgetFile, "size: 3", "size: 3000", 1))
	k.fails(args("apply -f wrong.yaml"), "spec.size", "100")
	k.file("type.yaml", strings.Replace(widgetFile, "size: 3", "size: large", 1))
	k.fails(args("apply -f type.yaml"), "spec.size")
	k.file("kind.yaml", "apiVersion: test.powernode.io/v1\nkind: Wigdet\nmetadata: {name: a}\n")
	k.fails(args("apply -f kind.yaml"), `no matches for kind "Wigdet" in version "test.powernode.io/v1"`)
	k.file("version.yaml", "apiVersion: test.powernode.io/v2\nkind: Widget\nmetadata: {name: a}\n")
	k.fails(args("apply -f version.yaml"), `no matches for kind "Widget" in version "test.powernode.io/v2"`)
	k.fails(args("create -n nowhere -f unknown.yaml --validate=ignore"), `namespaces "nowhere" not found`)
	k.run(args("delete wd one"), "deleted")
	k.file("config", strings.Replace(read(t, k.home+"/config"), adminToken, "wrong", 1))
	k.fails(args("get wd"), "Unauthorized")
}

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestKubectlCoreKinds(t *testing.T) {
	k := startKubectl(t)
	k.run(args("create configmap settings --from-literal a=1 --from-literal b=2"), "configmap/settings created")
	k.run([]string{"get", "cm", "settings", "-o", "jsonpath={.data.b}"}, "2")
	k.run(args("create secret generic key --from-literal password=hunter2"), "secret/key created")
	k.run([]string{"get", "secret", "key", "-o", "jsonpath={.data.password} {.type}"}, "aHVudGVyMg== Opaque")
	k.run([]string{"patch", "secret", "key", "-p", `{"stringData":{"user":"me"}}`}, "patched")
	k.run([]string{"get", "secret", "key", "-o", "jsonpath={.data.user}{.stringData}"}, "bWU=")
	k.run(args("describe secret key"), "password:", "bytes")
	file := k.file("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {x: '1'}\n")
	k.run(args("apply -f "+file), "created")
	k.file("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {z: '2'}\n")
	k.run(args("apply -f "+file), "configured")
	k.run([]string{"get", "cm", "applied", "-o", "jsonpath={.data}"}, `{"z":"2"}`)
	k.run(args("create namespace gone"), "created")
	k.run(args("delete namespace gone --wait=false"), "deleted")
	k.run(args("get namespace gone -o yaml"), "deletionTimestamp")
	k.fails(args("create configmap late -n gone"), "because it is being terminated")
}

func TestKubectlFollows(t *testing.T) {
	k := startKubectl(t)
	one := k.widget("one", 1)
	table := k.background("get", "wd", "-w")
	named := k.background("get", "wd", "one", "-w", "-o", "name")
	eventually(t, "the first state", func() bool {
		return strings.Contains(table.String(), "one") && strings.Contains(named.String(), "one")
	})
	wait := k.background("wait", "--for=condition=Ready", "--timeout=30s", "wd/one")
	phase := k.background("wait", "--for=jsonpath={.status.phase}=Up", "--timeout=30s", "wd/one")
	k.widget("two", 2)
	k.want(k.merge(widgets+"/one/status", `{"status":{"phase":"Up","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Done"}]}}`), 200)
	eventually(t, "changes in the table", func() bool {
		return strings.Contains(table.String(), "two") && strings.Contains(table.String(), "Up")
	})
	eventually(t, "wait for a condition", func() bool { return strings.Contains(wait.String(), "condition met") })
	eventually(t, "wait for a path", func() bool { return strings.Contains(phase.String(), "condition met") })

	k.want(k.merge(widgets+"/one", `{"metadata":{"finalizers":["test.powernode.io/hold"]}}`), 200)
	deleting := k.background("delete", "wd", "one")
	gone := k.background("wait", "--for=delete", "--timeout=30s", "wd/one")
	eventually(t, "the mark", func() bool {
		return k.get(widgets+"/one").object(t).DeletionTimestamp != nil
	})
	eventually(t, "four watches: two gets, the delete and the wait", func() bool {
		return strings.Contains(k.get("/metrics").body, `powernode_api_watches{resource="widgets"} 4`)
	})
	if strings.Contains(gone.String(), "condition met") {
		t.Errorf("wait for the end did not wait: %s", gone)
	}
	k.want(k.merge(widgets+"/one", `{"metadata":{"finalizers":null}}`), 200)
	eventually(t, "wait for the end", func() bool { return strings.Contains(gone.String(), "condition met") })
	eventually(t, "delete", func() bool { return strings.Contains(deleting.String(), `"one" deleted`) })
	_ = one
}

func TestKubectlShowsEvents(t *testing.T) {
	k := startKubectl(t)
	one := k.widget("one", 1)
	k.want(k.post("/api/v1/namespaces/default/events", fmt.Sprintf(`{"metadata":{"name":"one.1"},
		"involvedObject":{"apiVersion":"test.powernode.io/v1","kind":"Widget","namespace":"default","name":"one","uid":%q},
		"type":"Normal","reason":"Painted","message":"it is red now","count":1,
		"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":"2026-01-02T03:04:05Z","source":{"component":"painter"}}`, one.UID)), 201)
	k.run(args("describe wd one"), "Name:         one", "Painted", "it is red now", "painter")
	k.run(args("events --for widget/one"), "Painted", "it is red now")
	k.run(args("get events"), "LAST SEEN", "Painted")
	watch := k.background("events", "-w")
	eventually(t, "the event in a watch", func() bool { return strings.Contains(watch.String(), "Painted") })
}
