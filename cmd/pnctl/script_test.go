package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store/memory"
)

// TestMain lets scripts run pnctl: this binary again, as pnctl's main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pnctl": main})
}

// TestScripts runs whole command lines against the real API on the memory store.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			http := httptest.NewServer(newAPI(t))
			e.Defer(func() {
				http.CloseClientConnections()
				http.Close()
			})
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("SERVER", http.URL)
			e.Setenv("KUBECONFIG", "")
			e.Setenv("PNCTL_CONFIG", filepath.Join(e.WorkDir, "kubeconfig"))
			return writeKubeconfig(e.Getenv("PNCTL_CONFIG"), http.URL, goodToken)
		},
	})
}

const goodToken = "the-right-token"

func newAPI(t *testing.T) *server.Server {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	objects := &memory.Store{}
	for _, name := range []string{"default", "other"} {
		_, err := objects.Create(context.Background(), &api.Object{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     json.RawMessage(`{"phase":"Active"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := server.New(server.Config{
		Store: objects, Kinds: kinds,
		Authenticate: server.Tokens(map[string]server.User{goodToken: {Name: "tester", Groups: []string{server.Masters}}}),
	})
	if err != nil {
		t.Fatal(err)
	}
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
