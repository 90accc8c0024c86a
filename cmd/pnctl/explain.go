package main

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
)

// A witness notes how the latest request ended, since the errors that reach the
// end of a kubectl command have lost it. It is safe for concurrent use.
type witness struct {
	mu           sync.Mutex
	server       string // scheme://host of the latest request
	refused      bool
	unauthorized bool
}

// watch notes what comes back through next.
func (w *witness) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.server = r.URL.Scheme + "://" + r.URL.Host
		w.refused = errors.Is(err, syscall.ECONNREFUSED)
		w.unauthorized = err == nil && response.StatusCode == http.StatusUnauthorized
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// explain says more than message where the way to the server was the problem:
// which server, which kubeconfig, and what to do. It never shows the token.
func (s *session) explain(message string) string {
	w := s.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case message == "":
		return ""
	case w.refused:
		return fmt.Sprintf("error: no server answers at %s (connection refused)\nkubeconfig: %s\n%s",
			w.server, s.configuration(), howToStart)
	case w.unauthorized:
		return fmt.Sprintf("error: the server at %s does not accept the credentials (401 Unauthorized)\n"+
			"%s\nA server writes a fresh %s into its data directory; name it with --kubeconfig",
			w.server, s.credentials(), adminConfig)
	}
	return message
}

// credentials says where the token came from.
func (s *session) credentials() string {
	if *s.flags.BearerToken != "" {
		return "the token came from --token"
	}
	user := *s.flags.AuthInfoName
	if raw, err := s.flags.ToRawKubeConfigLoader().RawConfig(); err == nil {
		user = s.userName(raw)
	}
	if user == "" {
		return fmt.Sprintf("the kubeconfig %s names no user", s.configuration())
	}
	return fmt.Sprintf("they came from the user %q of the kubeconfig %s", user, s.configuration())
}
