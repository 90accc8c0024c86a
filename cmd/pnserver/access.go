package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/cmd/internal/private"
)

// access is who may call: an administrator, by the token in admin.kubeconfig,
// and the runners, by the one in runner.token, which is good for the runner
// protocol and nothing else. Both files have mode 0600 and keep their tokens over restarts.
type access struct {
	kubeconfig  string // path
	runnerToken string // path
	admin       string
	runner      string
}

// openAccess reads the tokens of a data directory, making those that are missing.
func openAccess(dataDir string) (*access, error) {
	a := &access{
		kubeconfig:  filepath.Join(dataDir, "admin.kubeconfig"),
		runnerToken: filepath.Join(dataDir, "runner.token"),
	}
	var err error
	if a.admin, err = adminToken(a.kubeconfig); err != nil {
		return nil, err
	}
	if a.runner, err = fileToken(a.runnerToken); err != nil {
		return nil, err
	}
	return a, nil
}

func adminToken(path string) (string, error) {
	config, err := clientcmd.LoadFromFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newToken(), nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if user := config.AuthInfos["admin"]; user != nil && user.Token != "" {
		return user.Token, nil
	}
	return newToken(), nil
}

func fileToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(data))) > 0 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	token := newToken()
	return token, private.Write(path, []byte(token+"\n"))
}

// newToken has 256 bits from the system's random source.
func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b[:])
}

// writeKubeconfig tells kubectl and pnctl where the API is and who they are.
// caFile is the authority of its certificate, "" where the system knows it.
func (a *access) writeKubeconfig(serverURL, caFile string) error {
	var ca []byte
	if caFile != "" {
		var err error
		if ca, err = os.ReadFile(caFile); err != nil {
			return err
		}
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["powernode"] = &clientcmdapi.Cluster{Server: serverURL, CertificateAuthorityData: ca}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: a.admin}
	config.Contexts["powernode"] = &clientcmdapi.Context{Cluster: "powernode", AuthInfo: "admin", Namespace: "default"}
	config.CurrentContext = "powernode"
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig: %w", err)
	}
	return private.Write(a.kubeconfig, data)
}

// authenticate tells whose token it is, in constant time.
func (a *access) authenticate(_ context.Context, token string) (server.User, bool, error) {
	switch {
	case same(token, a.admin):
		return server.User{Name: "admin", Groups: []string{"system:masters", "system:authenticated"}}, true, nil
	case same(token, a.runner):
		return server.User{Name: "runner", Groups: []string{"system:runners", "system:authenticated"}}, true, nil
	}
	return server.User{}, false, nil
}

func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
