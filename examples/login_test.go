package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api/identity/identitytest"
)

// startWithProvider starts a server that takes the logins of a provider.
func startWithProvider(t *testing.T) (*server, *identitytest.Provider) {
	t.Helper()
	p := identitytest.Start(t, "pnctl")
	p.Change(func(m *identitytest.Manners) { m.Claims = map[string]any{"groups": []string{"dev", "system:masters"}} })
	return startServer(t, "--oidc-issuer-url", p.URL, "--oidc-client-id", p.ClientID, "--oidc-ca-file", p.CAFile(),
		"--oidc-username-prefix", "id:", "--oidc-groups-claim", "groups", "--oidc-groups-prefix", ""), p
}

// person is somebody with a home of his own, who knows of the server nothing but where it is.
type person struct {
	*server
	home, config string
	provider     *identitytest.Provider
}

func (s *server) person(p *identitytest.Provider) *person {
	home := s.t.TempDir()
	return &person{s, home, filepath.Join(home, ".config", "powernode", "config"), p}
}

// command is pnctl or kubectl as a person runs it; kubectl has to be told where pnctl's kubeconfig is.
func (p *person) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	p.t.Helper()
	env := []string{"HOME=" + p.home, "PATH=" + os.Getenv("PATH"), "KUBECACHEDIR=" + filepath.Join(p.home, "cache")}
	path := name
	if name == "pnctl" {
		path = program(p.t, name)
	} else {
		env = append(env, "KUBECONFIG="+p.config)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	return cmd
}

// does runs a command, which has to succeed and say all the words.
func (p *person) does(line string, words ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	all := args(line)
	out, err := p.command(ctx, all[0], all[1:]...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	mentions(p.t, line, string(out), words)
	return string(out)
}

// mayNot runs a command, which has to fail and say all the words.
func (p *person) mayNot(line string, words ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	all := args(line)
	out, err := p.command(ctx, all[0], all[1:]...).CombinedOutput()
	if err == nil {
		p.t.Fatalf("%s succeeded:\n%s", line, out)
	}
	mentions(p.t, line, string(out), words)
}

// login logs in with what pnctl prints: an address to open, or a code to enter.
func (p *person) login(env []string, flags ...string) (string, error) {
	p.t.Helper()
	ca := filepath.Join(p.home, "server.pem")
	if err := os.WriteFile(ca, p.certificate(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	all := append([]string{"login", "--server", p.url(), "--certificate-authority", ca,
		"--issuer-url", p.provider.URL, "--client-id", p.provider.ClientID, "--issuer-ca", p.provider.CAFile()}, flags...)
	cmd := p.command(ctx, "pnctl", all...)
	cmd.Env = append(cmd.Env, env...)
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	said := make(chan string)
	go func() { said <- p.answer(reader) }()
	err := cmd.Run()
	writer.Close()
	return <-said, err
}

// answer does what pnctl asks a person to do, and returns all that it said.
func (p *person) answer(from io.Reader) string {
	var said strings.Builder
	for lines := bufio.NewScanner(from); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		var page, code string
		var err error
		if strings.HasPrefix(lines.Text(), "https://") {
			err = p.provider.Browse(lines.Text())
		} else if n, _ := fmt.Sscanf(lines.Text(), "Open %s and enter the code %s", &page, &code); n == 2 {
			err = p.provider.Enter(page, code)
		}
		if err != nil {
			p.t.Errorf("%q: %v", lines.Text(), err)
		}
	}
	return said.String()
}

// certificate is the authority of the server's certificate.
func (s *server) certificate() []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "tls.crt"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// TestALoginWithKubectl is what somebody does who has no token: he logs in at the provider, and
// uses kubectl until the login ends, and after that.
func TestALoginWithKubectl(t *testing.T) {
	s, provider := startWithProvider(t)
	listed := watchProcesses(t)
	s.pnctl(args("create configmap open --from-literal=k=v")...)
	s.pnctl(args("create rolebinding dev --clusterrole=view --group=dev")...)
	jane := s.person(provider)
	said, err := jane.login(nil, "--no-browser")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	mentions(t, "login", said, []string{"logged in to " + s.url() + " as id:jane", jane.config})
	jane.private()
	jane.does("kubectl auth whoami -o json", `"id:jane"`, `"dev"`, `"system:authenticated"`)
	if out := jane.does("kubectl auth whoami"); strings.Contains(out, "masters") {
		t.Errorf("the provider made an administrator:\n%s", out)
	}
	jane.does("kubectl get configmap open -o name", "configmap/open")
	jane.does("pnctl get configmap open -o name", "configmap/open")
	jane.mayNot("kubectl create configmap mine", "forbidden", `"id:jane"`)
	jane.mayNot("kubectl get configmaps -A", "forbidden")
	jane.mayNot("kubectl get secrets", "forbidden")
	if n := provider.Seen().Renewals; n != 0 {
		t.Errorf("renewed %d times without need", n)
	}
	jane.outlives()
	jane.does("pnctl logout", "logged out")
	jane.mayNot("kubectl get configmap open")
	if left, err := os.ReadDir(filepath.Join(filepath.Dir(jane.config), "credentials")); err != nil || len(left) > 0 {
		t.Errorf("left after the logout: %v %v", left, err)
	}
	listed.lacks(append(provider.Seen().Secrets, s.token()))
}

// outlives uses a login whose token has ended: it is renewed, once for all who come at the same time, and
// what the provider says of the groups since then holds.
func (p *person) outlives() {
	p.t.Helper()
	p.end()
	if code := p.request("GET", "/api/v1/namespaces", p.kept().IDToken, nil).StatusCode; code != 401 {
		p.t.Errorf("a token that has ended is answered %d", code)
	}
	var together sync.WaitGroup
	for range 3 {
		together.Go(func() { p.does("kubectl get configmap open -o name", "configmap/open") })
	}
	together.Wait()
	if n := p.provider.Seen().Renewals; n != 1 {
		p.t.Errorf("renewed %d times, want once", n)
	}
	p.provider.Change(func(m *identitytest.Manners) { m.Claims = map[string]any{"groups": "ops"} })
	p.end()
	p.mayNot("kubectl get configmap open", "forbidden")
	p.does("kubectl auth whoami -o json", `"id:jane"`, `"ops"`)
	p.provider.Change(func(m *identitytest.Manners) { m.Refuse = true })
	p.end()
	p.mayNot("kubectl get configmap open", "invalid_grant", "pnctl login")
}

// end brings the login into the state in which it is when its token has ended.
func (p *person) end() {
	p.t.Helper()
	past := time.Now().Add(-time.Minute)
	kept := p.kept()
	kept.All["idToken"], kept.All["expires"] = p.provider.Sign(map[string]any{"exp": past.Unix()}), past
	data, err := json.Marshal(kept.All)
	if err == nil {
		err = os.WriteFile(p.credentials("login.json"), data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// login is what pnctl keeps.
type login struct {
	IDToken string
	All     map[string]any
}

func (p *person) kept() (kept login) {
	p.t.Helper()
	data, err := os.ReadFile(p.credentials("login.json"))
	for _, into := range []any{&kept, &kept.All} {
		if err == nil {
			err = json.Unmarshal(data, into)
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return kept
}

func (p *person) credentials(name string) string {
	return filepath.Join(filepath.Dir(p.config), "credentials", name)
}

// private checks who can read what a login left, and that it is in no kubeconfig.
func (p *person) private() {
	p.t.Helper()
	for _, path := range []string{p.config, p.credentials("login.json")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			p.t.Errorf("%s: %v %v", path, info, err)
		}
	}
	data, err := os.ReadFile(p.config)
	if err != nil || !strings.Contains(string(data), "credential") {
		p.t.Errorf("%v\n%s", err, data)
	}
	for _, secret := range p.provider.Seen().Secrets {
		if strings.Contains(string(data), secret) {
			p.t.Errorf("the kubeconfig has a secret:\n%s", data)
		}
	}
}

// TestALoginOnAnotherDevice has the administrator's kubeconfig in use, as it is where the server runs:
// the login may not go there.
func TestALoginOnAnotherDevice(t *testing.T) {
	s, provider := startWithProvider(t)
	listed := watchProcesses(t)
	before, err := os.ReadFile(s.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	jane, admin := s.person(provider), []string{"KUBECONFIG=" + s.kubeconfig()}
	provider.Change(func(m *identitytest.Manners) { m.Refuse = true })
	if said, err := jane.login(admin, "--device"); err == nil || !strings.Contains(said, "access_denied") {
		t.Errorf("a login that was refused: %v\n%s", err, said)
	}
	if _, err := os.Stat(jane.config); err == nil {
		t.Errorf("a login that was refused is in %s", jane.config)
	}
	provider.Change(func(m *identitytest.Manners) { m.Refuse = false })
	said, err := jane.login(admin, "--device")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	mentions(t, "login", said, []string{"as id:jane", jane.config, s.kubeconfig() + " is the server's own"})
	jane.private()
	jane.does("kubectl auth whoami -o json", `"id:jane"`, `"dev"`)
	after, err := os.ReadFile(s.kubeconfig())
	if err != nil || string(after) != string(before) {
		t.Errorf("the server's kubeconfig was changed (%v)", err)
	}
	s.kubectl(args("auth whoami"), "admin")
	listed.lacks(append(provider.Seen().Secrets, s.token()))
}
