package examples

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestTheAuditLogTellsWhatWasDoneAndWhatCameOfIt: by people, refused, by the controllers in
// consequence; whole after a kill -9 in the middle of writes.
func TestTheAuditLogTellsWhatWasDoneAndWhatCameOfIt(t *testing.T) {
	s := startServer(t)
	s.pnctl("create", "namespace", "short")
	s.pnctl("-n", "short", "create", "configmap", "inside", "--from-literal=a=1")
	s.pnctl("delete", "namespace", "short")
	s.pnctl("create", "configmap", "owner", "--from-literal=a=1")
	s.apply(strings.ReplaceAll(`
apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: UID}]
`, "UID", s.get("configmap/owner", ".metadata.uid")))
	s.pnctl("delete", "configmap", "owner")
	s.pnctl("wait", "--for=delete", "configmap/owned", "--timeout="+deadline.String())
	if _, err := s.try("pnctl", "--token", "wrong", "delete", "configmap", "owner"); err == nil {
		t.Error("a wrong token was accepted")
	}
	list := s.pnctl(args("audit list --limit 0")...)
	for _, line := range [][]string{
		{" admin ", " create ", " configmaps ", " short/inside ", " 201"},
		{" admin ", " delete ", " namespaces ", " short ", " 200"},
		{" system:controller-of-Namespace ", " delete ", " configmaps ", " short/inside ", " 200"},
		{" system:garbage-collector ", " delete ", " configmaps ", " default/owned ", " 200"},
		{" <none> ", " delete ", " configmaps ", " default/owner ", " 401"},
	} {
		if lineWith(list, line) == "" {
			t.Errorf("no line with %q in:\n%s", line, list)
		}
	}

	url, token := strings.Replace(s.url(), "https:", "http:", 1), s.token()
	var writers sync.WaitGroup
	for range 4 { // writes that the kill cuts off somewhere
		writers.Go(func() {
			for createAnything(url, token) == nil {
			}
		})
	}
	eventually(t, "some writes", func() error {
		if out := s.pnctl(args("audit list --limit 0 --resource configmaps")...); strings.Count(out, "default/w-") < 50 {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	s.kill()
	writers.Wait()
	s.start()
	s.pnctl("audit", "verify")
	// Each effect has its record, and each record its effect.
	objects := strings.Fields(s.pnctl("get", "configmaps", "-o", "name"))
	created := strings.Count(s.pnctl(args("audit list --limit 0 --verb create --resource configmaps --code 201 -n default")...), "default/w-")
	if there := strings.Count(strings.Join(objects, "\n"), "configmap/w-"); created != there {
		t.Errorf("%d creates are recorded, %d objects are there", created, there)
	}
}

// createAnything makes an object of a name that the server finds; the error is that of the connection.
func createAnything(url, token string) error {
	req, err := http.NewRequest("POST", url+"/api/v1/namespaces/default/configmaps", strings.NewReader(`{"metadata":{"generateName":"w-"}}`))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// lineWith is the line that has all the words.
func lineWith(text string, words []string) string {
	for line := range strings.Lines(text) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(" "+strings.TrimSpace(line)+" ", word)
		}
		if all {
			return line
		}
	}
	return ""
}
