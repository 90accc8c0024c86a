package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// operator is a process of bring-your-own-kind/operator.
type operator struct {
	name string
	cmd  *exec.Cmd
	log  string
}

// startOperator runs the example's operator with a kubeconfig; it is killed at the end.
func startOperator(t *testing.T, name, kubeconfig string) *operator {
	t.Helper()
	path := filepath.Join(bin, "operator")
	if _, err := os.Stat(path); err != nil {
		run(t, "go build -o "+path+" ./bring-your-own-kind/operator")
	}
	o := &operator{name: name, log: filepath.Join(t.TempDir(), name+".log")}
	log, err := os.Create(o.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	o.cmd = exec.Command(path, "--kubeconfig", kubeconfig)
	o.cmd.Stderr = log
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.kill()
		if t.Failed() {
			data, _ := os.ReadFile(o.log)
			t.Logf("operator %s said:\n%s", name, data)
		}
	})
	return o
}

// kill is kill -9; it does nothing the second time.
func (o *operator) kill() {
	o.cmd.Process.Kill()
	o.cmd.Wait()
}

// as makes a kubeconfig with a token, beside the administrator's.
func (s *server) as(name, token string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name+".kubeconfig")
	data, err := os.ReadFile(s.kubeconfig())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), s.token(), token)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// TestBringYourOwnKind is the life of a kind that Powernode does not know: its definition, its
// operator with the rights of a ServiceAccount, and the death of the operator that leads.
func TestBringYourOwnKind(t *testing.T) {
	s := startServer(t)
	img := image(t)
	s.apply(manifest("DockerHost", "local", "  endpoint: unix:///var/run/docker.sock\n  autoSync: false\n"))
	s.kubectl(args("apply -f bring-your-own-kind/crd.yaml"), "webapps.demo.example.com created")
	s.waitFor("condition=Established", "crd/webapps.demo.example.com")
	s.kubectl(args("explain webapps.spec.maxReplicas"), "How many there may be.")
	s.pnctl("apply", "-f", "bring-your-own-kind/rbac.yaml")
	config := s.as("webapp-operator", strings.TrimSpace(s.pnctl("create", "token", "webapp-operator")))
	first, second := startOperator(t, "first", config), startOperator(t, "second", config)

	t.Cleanup(func() { s.try("pnctl", "delete", "ci", "--all", "--timeout=1m") }) // of a test that failed half way
	file := s.webApp(img)
	s.kubectl(args("apply -f "+file), "webapp.demo.example.com/shop created")
	s.waitFor("condition=Ready", "wa/shop")
	s.kubectl(args("get wa,ci"), "WANTED", "RUNNING", "containerinstance.powernode.io/shop-1")
	s.refuses(args("scale wa/shop --replicas=9"), "spec.replicas", "must be at most maxReplicas")
	s.refuses([]string{"patch", "wa", "shop", "--type=merge", "-p", `{"spec":{"host":"other"}}`}, "spec.host", "a WebApp does not move")
	s.kubectl(args("scale wa/shop --replicas=3"), "scaled")
	s.waitFor("jsonpath={.status.readyReplicas}=3", "wa/shop")
	s.kubectl(args("events --for wa/shop"), "copies run")
	s.mayNotMore(config)

	leader := strings.TrimSpace(s.get("lease/webapp-operator", ".spec.holderIdentity"))
	leads(t, first, second, leader).kill()
	s.kubectl(args("scale wa/shop --replicas=1"), "scaled")
	s.waitFor("jsonpath={.status.replicas}=1", "wa/shop") // by the other one
	s.kubectl(args("delete wa shop --timeout=1m"), "deleted")
	s.copiesGo()
	s.kubectl(args("apply -f "+file), "created")
	s.waitFor("condition=Ready", "wa/shop")
	s.kubectl(args("delete -f bring-your-own-kind/crd.yaml --timeout=1m"), "deleted")
	s.refuses(args("get wa"), "the server")
	s.copiesGo()
}

// copiesGo waits until no ContainerInstance is left, and so no container.
func (s *server) copiesGo() {
	s.t.Helper()
	eventually(s.t, "the copies go with their WebApp", func() error {
		if out := s.kubectl(args("get ci -o name")); strings.Contains(out, "shop-") {
			return fmt.Errorf("left: %s", out)
		}
		return nil
	})
}

// webApp is the example's manifest, with an image of this test.
func (s *server) webApp(image string) string {
	s.t.Helper()
	data, err := os.ReadFile("bring-your-own-kind/webapp.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "webapp.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), "powernode/hello:v1", image)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// mayNotMore holds the operator to what rbac.yaml gives it.
func (s *server) mayNotMore(config string) {
	s.t.Helper()
	for _, line := range []string{"get secrets", "delete wa shop", "get pl -A", "create ns x"} {
		s.refuses(append(args(line), "--kubeconfig", config), "forbidden", "system:serviceaccount:default:webapp-operator")
	}
}

// leads finds the operator that holds the lease: the one whose log says so.
func leads(t *testing.T, first, second *operator, holder string) *operator {
	t.Helper()
	for _, o := range []*operator{first, second} {
		data, err := os.ReadFile(o.log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(data)), "successfully acquired lease") {
			return o
		}
	}
	t.Fatalf("the lease is held by %q, and neither operator says that it leads", holder)
	return nil
}
