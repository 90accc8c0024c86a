package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
)

func testSession(t *testing.T, server string) *session {
	path := filepath.Join(t.TempDir(), "config")
	if err := writeKubeconfig(path, server, "secret-token"); err != nil {
		t.Fatal(err)
	}
	s := newSession(search{}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
	*s.flags.KubeConfig = path
	return s
}

// answers runs one request of which this came back.
func answers(s *session, response *http.Response, err error) {
	r := &http.Request{URL: &url.URL{Scheme: "http", Host: "pn:3000"}}
	_, _ = s.witness.watch(roundTripper(func(*http.Request) (*http.Response, error) { return response, err })).RoundTrip(r)
}

func TestExplain(t *testing.T) {
	s := testSession(t, "http://127.0.0.1:3000")
	if got := s.explain("error: other"); got != "error: other" {
		t.Errorf("without a request: %q", got)
	}
	answers(s, nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED))
	if got := s.explain("x"); !strings.Contains(got, "no server answers at http://pn:3000") || !strings.Contains(got, *s.flags.KubeConfig+" (from --kubeconfig)") {
		t.Errorf("refused: %q", got)
	}
	answers(s, &http.Response{StatusCode: http.StatusUnauthorized}, nil)
	if got := s.explain("x"); !strings.Contains(got, `user "tester" of the kubeconfig `+*s.flags.KubeConfig) || strings.Contains(got, "secret-token") {
		t.Errorf("unauthorized: %q", got)
	}
	if got := s.explain(""); got != "" {
		t.Errorf("an exit without words got some: %q", got)
	}
	answers(s, &http.Response{StatusCode: http.StatusOK}, nil)
	if got := s.explain("error: other"); got != "error: other" {
		t.Errorf("after a good answer: %q", got)
	}
	answers(s, nil, errors.New("certificate signed by unknown authority"))
	if got := s.explain("error: other"); got != "error: other" {
		t.Errorf("another failure: %q", got)
	}
}

func TestTokensGoOverPlainHTTPOnThisMachineOnly(t *testing.T) {
	for server, want := range map[string]string{
		"http://127.0.0.1:3000": "secret-token", "http://localhost:3000": "secret-token", "http://[::1]:3000": "secret-token",
		"http://10.0.0.1:3000": "", "http://pn.example:3000": "", "http://127.0.0.1.example": "",
	} {
		s := testSession(t, server)
		c, err := s.flags.ToRESTConfig()
		if err != nil {
			t.Fatal(err)
		}
		if c.BearerToken != want {
			t.Errorf("to %s goes the token %q, want %q", server, c.BearerToken, want)
		}
	}
}

func TestTokenFileOverPlainHTTP(t *testing.T) {
	s := testSession(t, "http://127.0.0.1:3000")
	file := filepath.Join(t.TempDir(), "token")
	raw, err := os.ReadFile(*s.flags.KubeConfig)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "token: secret-token", "tokenFile: "+file)
	if err := errors.Join(os.WriteFile(file, []byte("from-the-file\n"), 0o600), os.WriteFile(*s.flags.KubeConfig, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := &rest.Config{Host: "http://127.0.0.1:3000"}
	if s.withToken(c); c.BearerToken != "from-the-file" {
		t.Errorf("the token is %q", c.BearerToken)
	}
}
