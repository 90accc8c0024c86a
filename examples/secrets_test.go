package examples

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The marks of what must, and of what must not, be found in the files of a server.
const (
	hidden = "canary-that-is-hidden"
	seen   = "canary-that-is-seen"
)

// TestSecretsAreInNoFileOfAServer writes secrets as people do, with both clients and by hand, well
// formed and not, and then looks for them in every file that the server and its database
// have, in what it logs, measures and records.
func TestSecretsAreInNoFileOfAServer(t *testing.T) {
	s, provider := startWithProvider(t)
	listed := watchProcesses(t)
	s.pnctl("create", "configmap", "open", "--from-literal=k="+seen)
	s.writeSecrets()
	minted := append(s.mintTokens(), s.loginTokens(provider)...)
	s.useTokens(minted)
	for _, line := range []string{
		"audit list --limit 0 -o json", "get events -A -o json", "get --raw /metrics",
		"rollout history tokens.powernode.io/ci -o json", "get tokens.powernode.io -o json", "describe secret one",
	} {
		s.lacks("pnctl "+line, []byte(s.pnctl(args(line)...)), minted)
	}
	s.pnctl("audit", "verify")
	if out := s.pnctl(args("audit list --resource secrets")...); strings.Count(out, "\n") < 12 {
		t.Errorf("few records:\n%s", out)
	}
	s.lacksInFiles(minted)
	listed.lacks(minted)
	s.stop() // the database writes out what it had in memory
	s.lacksInFiles(minted)
}

// writeSecrets is every way in, each with a secret of its own.
func (s *server) writeSecrets() {
	s.t.Helper()
	value := func(n string) string { return hidden + "-" + n }
	coded := func(n string) string { return base64.StdEncoding.EncodeToString([]byte(value(n))) }
	manifest := func(name, rest string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + "}\n" + rest + "\n"
	}
	s.pnctl("create", "secret", "generic", "one", "--from-literal=k="+value("created"))
	s.kubectl(args("create secret generic two --from-literal=k=" + value("kubectl")))
	s.apply(manifest("three", "stringData: {k: "+value("applied")+"}"))
	s.apply(manifest("three", "stringData: {k: "+value("applied-again")+"}"))
	for _, with := range []string{"data: {k: " + coded("ssa") + "}", "data: {k: " + coded("ssa-again") + "}"} {
		if _, err := s.tryInput(manifest("four", with), "pnctl", "apply", "--server-side", "-f", "-"); err != nil {
			s.t.Fatal(err)
		}
	}
	s.pnctl("patch", "secret", "one", "-p", `{"stringData":{"k":"`+value("strategic")+`"}}`)
	s.pnctl("patch", "secret", "one", "--type=merge", "-p", `{"data":{"k":"`+coded("merged")+`"}}`)
	s.pnctl("patch", "secret", "one", "--type=json", "-p", `[{"op":"replace","path":"/data/k","value":"`+coded("json")+`"}]`)
	s.pnctl("patch", "secret", "one", "--dry-run=server", "-p", `{"stringData":{"k":"`+value("dry")+`"}}`)
	s.pnctl("annotate", "secret", "one", "note=x")
	const secrets = "/api/v1/namespaces/default/secrets"
	for _, bad := range []string{
		`{"metadata":{"name":"n"},"data":{"k":"` + value("no-base64") + `"}}`, `{"metadata":{"name":"n"},"data":"` + value("text") + `"}`,
		`{"metadata":{"name":"n"},"data":{"k":"` + value("broken"), `"` + value("string") + `"`,
		`{"metadata":{"name":"one"},"data":{"k":"` + coded("exists") + `"}}`,
	} {
		answer := s.request("POST", secrets, s.token(), []byte(bad))
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode < 400 {
			s.t.Errorf("%s was accepted", bad)
		}
		s.lacks("the answer to "+bad, body, nil)
	}
	s.request("POST", secrets, "wrong-"+hidden, []byte(manifest("n", "")))
	s.pnctl("delete", "secret", "two")
}

// lacks checks that no secret is in what was read somewhere.
func (s *server) lacks(where string, data []byte, minted []string) {
	s.t.Helper()
	marks := append([]string{hidden, base64.StdEncoding.EncodeToString([]byte(hidden))[:24]}, minted...)
	for _, token := range minted {
		marks = append(marks, base64.RawURLEncoding.EncodeToString([]byte(token)))
	}
	for _, mark := range marks {
		if at := bytes.Index(data, []byte(mark)); at >= 0 {
			s.t.Errorf("%s has %.12s...: %q", where, mark, data[max(0, at-80):min(len(data), at+80)])
		}
	}
}

// lacksInFiles reads every file below the data directory, save those that are credentials. That
// what is no secret is found there shows that the search would find one.
func (s *server) lacksInFiles(minted []string) {
	s.t.Helper()
	found := false
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // the database removes files of its own at any time
		}
		switch entry.Name() {
		case "admin.kubeconfig", "runner.token":
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		found = found || bytes.Contains(data, []byte(seen))
		s.lacks(strings.TrimPrefix(path, s.dir), data, minted)
		return nil
	})
	if err != nil || !found {
		s.t.Errorf("the search is blind: %v", fmt.Errorf("%q is in no file: %v", seen, err))
	}
}
