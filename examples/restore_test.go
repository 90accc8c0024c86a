package examples

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// db runs pnserver db on the server's data, which need not run.
func (s *server) db(args ...string) (string, error) {
	s.t.Helper()
	return s.try(program(s.t, "pnserver"), append([]string{"db", "--data-dir", s.dir}, args...)...)
}

// freeAddress is one that a server can have again after a restart.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {v: %s}\n", name, value)
}

// An informer that goes on over a restore ends with what the backup had: what was made since is
// gone from its cache, what was deleted is back, what was changed is as it was.
func TestAnInformerGoesOnOverARestore(t *testing.T) {
	s := startServer(t, "--listen", freeAddress(t), "--roles", "api")
	s.apply(configMap("changed", "first"))
	s.apply(configMap("deleted", "kept"))
	s.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {v: known-value}\n")
	file := filepath.Join(s.dir, "a.pnbackup")
	s.mustDB("backup", file) // while the server runs
	seen := s.inform()
	s.pnctl("delete", "configmap", "deleted")
	s.apply(configMap("changed", "second"))
	s.apply(configMap("made", "later"))
	s.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {v: changed-value}\n")
	eventually(t, "the informer sees what is", func() error { return holds(seen, "changed=second made=later") })
	s.stop()
	if out, err := s.db("restore", file); err == nil || !strings.Contains(out, "with --yes") {
		t.Fatalf("a database that is not empty: %v", err)
	}
	out := s.mustDB("restore", "--yes", file)
	if !strings.Contains(out, "audit records as of revision") {
		t.Errorf("restore said %s", out)
	}
	s.start()
	eventually(t, "the informer sees what was", func() error { return holds(seen, "changed=first deleted=kept") })
	s.apply(configMap("after", "new"))
	eventually(t, "the informer goes on", func() error { return holds(seen, "after=new changed=first deleted=kept") })
	if value := s.get("secret/s", ".data.v"); value != "a25vd24tdmFsdWU=" {
		t.Errorf("the Secret is %s", value)
	}
	if out := s.pnctl("audit", "verify"); !strings.Contains(out, "record") {
		t.Errorf("audit verify said %s", out)
	}
	if out := s.pnctl("audit", "list", "--resource", "databases"); !strings.Contains(out, "restore") {
		t.Errorf("the audit log has no restore:\n%s", out)
	}
}

func (s *server) mustDB(args ...string) string {
	s.t.Helper()
	out, err := s.db(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// inform keeps a cache of the ConfigMaps of the namespace default, as every operator does.
func (s *server) inform() cache.Store {
	s.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig())
	if err != nil {
		s.t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.t.Fatal(err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("default"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	factory.Start(s.t.Context().Done())
	s.t.Cleanup(factory.Shutdown)
	if !cache.WaitForCacheSync(s.t.Context().Done(), informer.HasSynced) {
		s.t.Fatal("the informer never synced")
	}
	return informer.GetStore()
}

// holds compares the ConfigMaps of a cache with "name=value ...", in the order of names.
func holds(store cache.Store, want string) error {
	var all []string
	for _, name := range []string{"after", "changed", "deleted", "made"} {
		if o, there, _ := store.GetByKey("default/" + name); there {
			all = append(all, name+"="+o.(*corev1.ConfigMap).Data["v"])
		}
	}
	if got := strings.Join(all, " "); got != want {
		return fmt.Errorf("the cache holds %q, not %q", got, want)
	}
	return nil
}

// A backup becomes a server elsewhere, if the key comes along; without it, or with a damaged file, nothing does.
func TestABackupBecomesAServerElsewhere(t *testing.T) {
	s := startServer(t, "--roles", "api")
	s.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {v: known-value}\n")
	file := filepath.Join(s.dir, "a.pnbackup")
	s.mustDB("backup", file)
	if out, err := s.db("backup", file); err == nil || !strings.Contains(out, "there already") {
		t.Errorf("over a file that is there: %v", err)
	}
	if out := s.mustDB("restore", "--check", file); !strings.Contains(out, "the backup is whole") {
		t.Errorf("check said %s", out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	other := &server{t: t, dir: reachable(t), flags: []string{"--roles", "api"}}
	t.Cleanup(other.stop)
	if out, err := other.db("restore", file); err == nil || !strings.Contains(out, "sealed with key") {
		t.Fatalf("without the key: %v\n%s", err, out)
	}
	key, err := os.ReadFile(filepath.Join(s.dir, "encryption.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(other.dir, "encryption.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(s.dir, "cut.pnbackup")
	if out, err := exec.Command("sh", "-c", "head -c -9 "+file+" >"+cut).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := other.db("restore", cut); err == nil || !strings.Contains(out, "cut off") {
		t.Fatalf("a file that was cut off: %v\n%s", err, out)
	}
	other.mustDB("restore", file) // what failed has left the database empty
	other.start()
	if value := other.get("secret/s", ".data.v"); value != "a25vd24tdmFsdWU=" {
		t.Errorf("the Secret is %s", value)
	}
}

// The tables go back and forth under the command, and a server that may not migrate says what to do.
func TestDatabaseCommands(t *testing.T) {
	s := startServer(t, "--roles", "api,controllers")
	var status string
	eventually(t, "the server works on all slots", func() error {
		if status = s.mustDB("status"); !strings.Contains(status, "1024 slots") {
			return fmt.Errorf("status is %s", status)
		}
		return nil
	})
	for _, want := range []string{"nothing pending", "REVISION", "OBJECTS", "AUDIT", "encrypts", "log_chunks"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	if out := s.mustDB("dump", "--schema-only"); !strings.Contains(out, "CREATE TABLE public.objects") {
		t.Errorf("dump: %.200s", out)
	}
	if out, err := s.db("reset"); err == nil || !strings.Contains(out, "with --yes") {
		t.Errorf("reset: %v", err)
	}
	s.stop()
	s.mustDB("rollback", "6")
	refused := exec.Command(program(t, "pnserver"), "serve", "--migrate=false", "--listen", "127.0.0.1:0", "--data-dir", s.dir, "--roles", "api")
	refused.Env = append(os.Environ(), "DATABASE_URL=")
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "pnserver db migrate first") {
		t.Errorf("a server that may not migrate: %v\n%s", err, out)
	}
	if out := s.mustDB("migrate"); !strings.Contains(out, "took 0007_members") {
		t.Errorf("migrate said %s", out)
	}
	s.mustDB("reset", "--yes")
	s.start()
	if out := s.pnctl("get", "namespaces", "-o", "name"); !strings.Contains(out, "namespace/default") {
		t.Errorf("after a reset there are %s", out)
	}
}
