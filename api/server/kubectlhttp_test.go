package server_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// kubectl keeps the tokens of a kubeconfig to itself when the server has no TLS.
func TestKubectlOverPlainHTTPSendsThePasswordOfTheURL(t *testing.T) {
	k := startKubectl(t)
	plain := httptest.NewServer(k.server)
	defer plain.Close()
	k.widget("one", 1)
	k.file("config", fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "http://admin:%s@%s"}}]
contexts: [{name: test, context: {cluster: test}}]
current-context: test
`, adminToken, strings.TrimPrefix(plain.URL, "http://")))
	k.run(args("get widgets"), "one")
	k.run(args("auth whoami"), "admin")
	k.run(args("create configmap settings"), "created")
}
