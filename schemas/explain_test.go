package schemas_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

// discovery serves no more than explain asks for: what kinds there are, and
// their OpenAPI documents.
func discovery(t *testing.T, kinds ...*schemas.Kind) string {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(path string, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(raw)
		})
	}
	groups := &metav1.APIGroupList{}
	index := map[string]any{}
	resources := map[string]*metav1.APIResourceList{}
	for _, k := range kinds {
		prefix := "apis/" + k.APIVersion()
		if k.Group == "" {
			prefix = "api/" + k.Version
		}
		list := resources[prefix]
		if list == nil {
			list = &metav1.APIResourceList{GroupVersion: k.APIVersion()}
			resources[prefix] = list
			document, err := schemas.OpenAPI(k.Group, k.Version, kinds)
			if err != nil {
				t.Fatal(err)
			}
			index[prefix] = map[string]string{"serverRelativeURL": "/openapi/v3/" + prefix + "?hash=1"}
			answer("/openapi/v3/"+prefix, json.RawMessage(document))
			if k.Group != "" {
				v := metav1.GroupVersionForDiscovery{GroupVersion: k.APIVersion(), Version: k.Version}
				groups.Groups = append(groups.Groups, metav1.APIGroup{Name: k.Group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: k.Plural, SingularName: k.Singular, Kind: k.Kind, Namespaced: k.Namespaced, ShortNames: k.ShortNames, Verbs: metav1.Verbs{"get", "list"}})
	}
	for path, list := range resources {
		answer("/"+path, list)
	}
	answer("/version", map[string]string{"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
	answer("/api", &metav1.APIVersions{Versions: []string{"v1"}})
	answer("/apis", groups)
	answer("/openapi/v3", map[string]any{"paths": index})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func kubectl(t *testing.T, server string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs kubectl")
	}
	binary, err := exec.LookPath("kubectl")
	if err != nil {
		t.Fatal("there is no kubectl on PATH; apt-get install kubernetes-client")
	}
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"--server", server}, args...)...)
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir(), "KUBECONFIG=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("kubectl %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func TestKubectlExplainsOurKinds(t *testing.T) {
	kind := widget(t, `
type: object
description: What the widget should be.
required: [steps]
properties:
  steps:
    type: array
    description: What to do, in order.
    items:
      type: object
      required: [name]
      properties:
        name: {type: string, description: Name of the step.}
        env: {type: object, description: Variables., additionalProperties: {type: string}}
        type: {type: string, description: What kind of step it is., enum: [checkout, custom]}
`)
	server := discovery(t, kind, builtin(t, "Secret"))
	for args, want := range map[string][]string{
		"widget":                              {"GROUP:      example.com", "KIND:       Widget", "VERSION:    v1", "spec\t<Object>", "metadata\t<ObjectMeta>", "What the widget should be."},
		"widget.spec.steps":                   {"FIELD: steps <[]Object>", "What to do, in order.", "name\t<string> -required-", "env\t<map[string]string>", "enum: checkout, custom"},
		"widget.metadata.labels":              {"FIELD: labels <map[string]string>", "Key-value pairs to group and select objects by."},
		"widget.spec --recursive":             {"steps\t<[]Object> -required-", "    type\t<string>"},
		"secret.data":                         {"KIND:       Secret", "FIELD: data <map[string]string>", "in base64, by key"},
		"widget.metadata.ownerReferences.uid": {"UID of the owner."},
	} {
		got := kubectl(t, server, append([]string{"explain"}, strings.Fields(args)...)...)
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("explain %s does not say %q:\n%s", args, line, got)
			}
		}
	}
}

func TestKubectlExplainsPipelines(t *testing.T) {
	server := discovery(t, builtin(t, v1.Pipeline), builtin(t, v1.PipelineRun))
	for args, want := range map[string][]string{
		"pipeline.spec.steps":        {"GROUP:      powernode.io", "FIELD: steps <[]Object>", "name\t<string> -required-", "timeoutMinutes\t<integer>"},
		"pipeline --recursive":       {"concurrency\t<Object>", "policy\t<string>", "enum: Queue, Allow, Forbid, Replace"},
		"pl.spec.concurrency.policy": {"ENUM:", "Replace"},
		"pipelineruns.status":        {"phase\t<string>"},
	} {
		got := kubectl(t, server, append([]string{"explain"}, strings.Fields(args)...)...)
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("explain %s does not say %q:\n%s", args, line, got)
			}
		}
	}
}
