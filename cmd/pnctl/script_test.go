package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/pipelinerun"
	"github.com/powernode/powernode/schemas"
)

// TestMain lets scripts run pnctl: this binary again, as pnctl's main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pnctl": main})
}

// TestScripts runs whole command lines against the real API on the memory store.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"keep": keep},
		Setup: func(e *testscript.Env) error {
			http := httptest.NewServer(newAPI(t, startPlayer(t)))
			e.Defer(func() {
				http.CloseClientConnections()
				http.Close()
			})
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			e.Setenv("SERVER", http.URL)
			e.Setenv("KUBECONFIG", "")
			e.Setenv("PNCTL_CONFIG", filepath.Join(e.WorkDir, "kubeconfig"))
			return writeKubeconfig(e.Getenv("PNCTL_CONFIG"), http.URL, goodToken)
		},
	})
}

// keep NAME puts the latest standard output into the variable NAME.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

const goodToken = "the-right-token"

// newAPI is the API with the kinds, checks and subresources of the whole program.
func newAPI(t *testing.T, p *player) *server.Server {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{
		Store: p.objects, Audit: p.objects.Audit(), Logs: p.logs, Blobs: p.blobs, Kinds: kinds,
		Authenticate: server.Tokens(map[string]server.User{goodToken: {Name: "tester", Groups: []string{server.Masters}}}),
		Admission:    map[string]api.Admission{v1.PipelineRun: pipelinerun.Admit},
		Subresources: map[string]map[string]api.Subresource{v1.PipelineRun: {
			"log": pipelinerun.Log(p.logs, p.objects), "artifacts": pipelinerun.Artifacts(p.blobs),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

func writeKubeconfig(path, url, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: url}
	config.AuthInfos["tester"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "tester"}
	config.CurrentContext = "x"
	raw, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
