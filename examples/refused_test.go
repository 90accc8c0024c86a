package examples

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// manifest makes a document of a kind from its spec.
func manifest(kind, name, spec string) string {
	return "apiVersion: powernode.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec:\n" + spec
}

// What a user gets wrong, and the words that have to be in the answer: the
// object, the field's path, and what would be right.
var refusals = []struct {
	name, kind, spec string
	words            []string
}{
	{"an unknown field", "DockerHost", "  endpoint: unix:///var/run/docker.sock\n  endpiont: x\n",
		[]string{"DockerHost", `unknown field "spec.endpiont"`}},
	{"a wrong type", "ContainerInstance", "  hostRef: {name: local}\n  image: x\n  timeoutSeconds: soon\n",
		[]string{"ContainerInstance", "refused", "spec.timeoutSeconds", "integer"}},
	{"an unknown step type", "Pipeline", "  steps: [{name: a, type: dance}]\n",
		[]string{"Pipeline", "refused", "spec.steps[0].type", "dance", "checkout"}},
	{"a step type of a later version", "Pipeline", "  steps: [{name: a, type: deploy}]\n",
		[]string{"refused", "spec.steps[0].type", "deploy", "not yet available in this version"}},
	{"an unknown step in an expression", "Pipeline", "  steps: [{name: a, type: custom, with: {run: \"echo ${{ steps.nope.outputs.x }}\"}}]\n",
		[]string{"refused", "spec.steps[0].with.run", "nope"}},
	{"an unknown function in an expression", "Pipeline", "  steps: [{name: a, type: custom, if: \"${{ frobnicate(1) }}\", with: {run: \"true\"}}]\n",
		[]string{"refused", "spec.steps[0].if", "frobnicate"}},
	{"a cycle in needs", "Pipeline", "  steps: [{name: a, type: custom, needs: [b], with: {run: \"true\"}}, {name: b, type: custom, needs: [a], with: {run: \"true\"}}]\n",
		[]string{"refused", "spec.steps", "needs", "a -> b -> a"}},
	{"a wrong cron line", "Pipeline", "  triggers: {schedule: [{cron: \"61 * * * *\"}]}\n  steps: [{name: a, type: custom, with: {run: \"true\"}}]\n",
		[]string{"refused", "spec.triggers.schedule[0].cron"}},
	{"a wrong time zone", "Pipeline", "  triggers: {schedule: [{cron: \"0 * * * *\", timezone: Mars/Olympus}]}\n  steps: [{name: a, type: custom, with: {run: \"true\"}}]\n",
		[]string{"refused", "spec.triggers.schedule[0].timezone", "Mars/Olympus"}},
	{"a run of a pipeline that is not there", "PipelineRun", "  pipelineRef: {name: nowhere}\n",
		[]string{"refused", "spec.pipelineRef.name", "nowhere"}},
	{"a privileged container", "ContainerInstance", "  hostRef: {name: local}\n  image: x\n  security: {privileged: true}\n",
		[]string{"refused", "spec.security.privileged"}},
}

func TestBadInputIsRefusedWithThePathAndNothingIsStored(t *testing.T) {
	s := startServer(t)
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			for _, tool := range []string{"pnctl", "kubectl"} {
				out, err := s.tryInput(manifest(r.kind, "refused", r.spec), tool, "apply", "-f", "-")
				if err == nil {
					t.Fatalf("%s: accepted:\n%s", tool, out)
				}
				for _, word := range r.words {
					if !strings.Contains(out, word) {
						t.Errorf("%s: the error does not say %q:\n%s", tool, word, out)
					}
				}
			}
			if out, err := s.try("pnctl", "get", r.kind, "refused"); err == nil {
				t.Errorf("it was stored:\n%s", out)
			}
		})
	}
}

func TestACallWithoutAGoodTokenIsRefused(t *testing.T) {
	s := startServer(t)
	const pipelines = "/apis/powernode.io/v1/namespaces/default/pipelines"
	for _, token := range []string{"", "wrong"} {
		for _, path := range []string{pipelines, "/apis", "/api/v1/secrets", "/metrics", "/openapi/v3", "/runner/v1/lease"} {
			if code := s.request("GET", path, token, nil).StatusCode; code != http.StatusUnauthorized {
				t.Errorf("GET %s with token %q: %d, want 401", path, token, code)
			}
		}
	}
	for _, path := range []string{"/version", "/healthz", "/livez", "/readyz", "/health", "/health/live", "/health/ready"} {
		if code := s.request("GET", path, "", nil).StatusCode; code != http.StatusOK {
			t.Errorf("GET %s: %d, want 200 without a token", path, code)
		}
	}
}

func TestABodyOfFourMegabytesIsRefused(t *testing.T) {
	s := startServer(t)
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "big"}, "data": map[string]any{"x": strings.Repeat("x", 4<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	resp := s.request("POST", "/api/v1/namespaces/default/configmaps", s.token(), body)
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(answer), `"kind":"Status"`) {
		t.Errorf("%d %s, want a 413 Status", resp.StatusCode, answer)
	}
}

func TestAStaleResourceVersionIsAConflict(t *testing.T) {
	s := startServer(t)
	s.pnctl("create", "configmap", "settings", "--from-literal=a=1")
	old := s.pnctl("get", "configmap", "settings", "-o", "json")
	s.pnctl("label", "configmap", "settings", "moved=on")
	resp := s.request("PUT", "/api/v1/namespaces/default/configmaps/settings", s.token(), []byte(strings.Replace(old, `"a": "1"`, `"a": "2"`, 1)))
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusConflict || !strings.Contains(string(answer), "settings") {
		t.Errorf("%d %s, want a conflict that names the object", resp.StatusCode, answer)
	}
	if got := s.get("configmap/settings", ".data.a"); got != "1" {
		t.Errorf("data.a = %q after the conflict", got)
	}
}

func TestCommandsTellTheirVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the commands")
	}
	for _, name := range []string{"pnserver", "pnrunner"} {
		out, err := exec.Command(program(t, name), "--version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), name+" version ") {
			t.Errorf("%s --version: %v, %s", name, err, out)
		}
	}
}

func TestFlagsThatCanNotBeMeantAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("builds pnserver")
	}
	for want, flags := range map[string][]string{
		"loopback only":         {"--listen", "0.0.0.0:0"},
		"not a role":            {"--roles", "api,dreamer"},
		"go together":           {"--tls-cert", "x"},
		"not host:port":         {"--listen", "3000"},
		"not a format":          {"--log-format", "xml"},
		"--database-url":        {"--database-url", "postgres://nobody@127.0.0.1:1/none"},
		"unknown flag":          {"--lissten", "x"},
		"exclude each other":    {"--tls-cert", "x", "--tls-key", "y", "--tls-self-signed"},
		"not a level":           {"--log-level", "loud"},
		"another pnserver runs": {"--data-dir", startServer(t).dir, "--listen", "127.0.0.1:0"},
	} {
		args := append([]string{"serve", "--data-dir", t.TempDir()}, flags...)
		out, err := exec.Command(program(t, "pnserver"), args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("pnserver %v: %v, %q does not say %q", flags, err, out, want)
		}
	}
}
