package server_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The definitions of the Gateway API are large, of two versions, and full of rules.
func TestKubectlWorksWithTheGatewayAPI(t *testing.T) {
	k := startKubectl(t)
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/apiextensions-apiserver").Output()
	if err != nil {
		t.Fatalf("go list -m: %v; go mod download", err)
	}
	file := filepath.Join(strings.TrimSpace(string(dir)), "test/integration/ratcheting_test_cases/crds/standard-install.yaml")
	k.run(args("apply --server-side -f "+file), "customresourcedefinition.apiextensions.k8s.io/httproutes.gateway.networking.k8s.io serverside-applied")
	k.run(args("apply --server-side -f "+file), "serverside-applied")

	class := "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: GatewayClass\nmetadata: {name: c}\nspec: {controllerName: example.com/one}\n"
	k.run([]string{"apply", "-f", k.file("class.yaml", class)}, "gatewayclass.gateway.networking.k8s.io/c created")
	k.run(args("get gc"), "NAME", "CONTROLLER", "ACCEPTED", "example.com/one", "Unknown")
	k.run([]string{"get", "gatewayclasses.v1.gateway.networking.k8s.io", "c", "-o", "jsonpath={.apiVersion} {.status.conditions[0].reason}"}, "gateway.networking.k8s.io/v1 ")
	k.fails([]string{"patch", "gc", "c", "--type=merge", "-p", `{"spec":{"controllerName":"example.com/two"}}`}, "spec.controllerName: Invalid value", "Value is immutable")

	const route = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  hostnames: [a.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /a}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: b.example.com}}]
`
	k.run([]string{"apply", "-f", k.file("route.yaml", route)}, "created")
	both := route + "    backendRefs: [{name: s, port: 80}]\n"
	k.fails([]string{"apply", "-f", k.file("both.yaml", both)}, "spec.rules[0]: Invalid value", "RequestRedirect filter must not be used together with backendRefs")
	k.fails([]string{"apply", "-f", k.file("odd.yaml", strings.Replace(route, "value: /a", "value: /a/../b", 1))}, "spec.rules[0].matches[0].path")
	k.fails([]string{"apply", "-f", k.file("typo.yaml", strings.Replace(route, "hostnames:", "hostNames:", 1))}, `unknown field "spec.hostNames"`)
	k.run(args("explain httproute.spec.rules.matches.path"), "FIELD: path <Object>", "enum: Exact, PathPrefix, RegularExpression")
}
