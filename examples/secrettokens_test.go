package examples

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/powernode/powernode/api/identity/identitytest"
)

const (
	tokensPath   = "/apis/powernode.io/v1/tokens"
	accountsPath = "/api/v1/namespaces/default/serviceaccounts"
	reviewsPath  = "/apis/authentication.k8s.io/v1/tokenreviews"
)

// mintTokens has the server make credentials in every way there is, and returns them with its own.
func (s *server) mintTokens() []string {
	s.t.Helper()
	runner, err := os.ReadFile(filepath.Join(s.dir, "runner.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	minted := []string{s.token(), strings.TrimSpace(string(runner)), s.accountToken(), s.printed("token", "create", "by-pnctl")}
	for path, body := range map[string]string{
		tokensPath:                       `{"apiVersion":"powernode.io/v1","kind":"Token","metadata":{"name":"ci"},"spec":{"user":"ci"},"status":{"token":"` + hidden + `"}}`,
		accountsPath + "/default/token":  `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}`,
		tokensPath + "?fieldManager=two": `{"apiVersion":"powernode.io/v1","kind":"Token","metadata":{"generateName":"t-"},"spec":{"user":"admin"}}`,
	} {
		answer := s.request("POST", path, s.token(), []byte(body))
		var made struct{ Status struct{ Token string } }
		if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || made.Status.Token == "" {
			s.t.Fatalf("POST %s: %s, %v", path, answer.Status, err)
		}
		minted = append(minted, made.Status.Token)
	}
	return minted
}

// printed is what pnctl prints on standard output alone, as for a script.
func (s *server) printed(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(program(s.t, "pnctl"), args...)
	cmd.Env = append(os.Environ(), "PNCTL_CONFIG="+s.kubeconfig(), "HOME="+s.home())
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("pnctl %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// loginTokens are those of a login at the provider, and of one by a token that is read from standard input.
func (s *server) loginTokens(provider *identitytest.Provider) []string {
	s.t.Helper()
	jane := s.person(provider)
	if said, err := jane.login(nil, "--no-browser"); err != nil {
		s.t.Fatalf("%v\n%s", err, said)
	}
	jane.does("kubectl auth whoami", "id:jane")
	token := s.printed("token", "create", "for-login", "--for-user", "ann")
	ann := s.person(provider)
	cmd := ann.command(s.t.Context(), "pnctl", "login", "--server", s.url(), "--insecure-skip-tls-verify", "--token", "-")
	cmd.Stdin = strings.NewReader(token)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "as ann") || strings.Contains(string(out), token) {
		s.t.Fatalf("%v\n%s", err, out)
	}
	ann.does("kubectl auth whoami", "ann")
	return append(provider.Seen().Secrets, token)
}

// useTokens sends each as people do who are in a hurry: as it should be and not. No answer shows one.
func (s *server) useTokens(minted []string) {
	s.t.Helper()
	for _, token := range minted {
		for _, body := range []string{
			`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"` + token + `x"}}`,
			`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":"` + token + `"}`,
			`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"` + token,
		} {
			s.keepsQuiet(s.request("POST", reviewsPath, s.token(), []byte(body)), minted, body)
		}
		s.keepsQuiet(s.request("POST", "/api/v1/namespaces", token, []byte(`{}`)), minted, "its holder's call")
		s.keepsQuiet(s.request("POST", "/api/v1/namespaces", token+"x", []byte(`{}`)), minted, "a wrong one")
		for _, at := range []string{tokensPath + "/ci", tokensPath + "/ci/status"} {
			body := `{"apiVersion":"powernode.io/v1","kind":"Token","metadata":{"name":"ci"},"spec":{"user":"ci"},"status":{"token":"` + token + `"}}`
			s.keepsQuiet(s.request("PUT", at, s.token(), []byte(body)), minted, "PUT "+at)
		}
		if code := s.protocol(token); token == minted[0] && code != http.StatusSwitchingProtocols {
			s.t.Errorf("a WebSocket is answered %d", code)
		}
	}
}

// keepsQuiet checks an answer; that of a review whose form is good may repeat what was asked.
func (s *server) keepsQuiet(answer *http.Response, minted []string, to string) {
	s.t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode >= 400 {
		s.lacks("the answer to "+to[:min(len(to), 40)], body, minted)
	}
}

// protocol sends a token as browsers send it, who can't send headers.
func (s *server) protocol(token string) int {
	s.t.Helper()
	req, err := http.NewRequest("GET", strings.Replace(s.url(), "https:", "http:", 1)+"/api/v1/namespaces?watch=true&timeoutSeconds=1", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
		"Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io." + base64.RawURLEncoding.EncodeToString([]byte(token)) + ", powernode",
	} {
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
