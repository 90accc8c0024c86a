package examples

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestKeysAreRotatedWhileTheServerRuns has tokens of two keys: both are good, as a program that
// asks the server for its keys can see.
func TestKeysAreRotatedWhileTheServerRuns(t *testing.T) {
	s := startServer(t)
	before := s.accountToken()
	if keys := s.publicKeys(before); len(keys) != 1 || keys[0] != keyOf(t, before) {
		t.Fatalf("keys %v, the token is signed by %s", keys, keyOf(t, before))
	}
	out, err := s.try(program(t, "pnserver"), "keys", "rotate", "--data-dir", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	mentions(t, "keys rotate", out, []string{"24 hours"})
	after := s.accountToken()
	if keyOf(t, before) == keyOf(t, after) {
		t.Errorf("the key before still signs")
	}
	both := func() {
		t.Helper()
		if keys := s.publicKeys(before); len(keys) != 2 || !slices.Contains(keys, keyOf(t, before)) || !slices.Contains(keys, keyOf(t, after)) {
			t.Errorf("keys %v, want %s and %s", keys, keyOf(t, before), keyOf(t, after))
		}
		for _, token := range []string{before, after} {
			if code := s.request("GET", "/apis", token, nil).StatusCode; code != 200 {
				t.Errorf("a token of %s is answered %d", keyOf(t, token), code)
			}
		}
	}
	both()
	s.stop()
	s.start()
	both() // the keys are the database's, not the process's
	if code := s.request("POST", "/openid/v1/jwks", after, nil).StatusCode; code != 403 {
		t.Errorf("somebody without rights who rotates is answered %d", code)
	}
	if out, err := s.try(program(t, "pnserver"), "keys", "rotate", "--data-dir", t.TempDir()); err == nil || !strings.Contains(out, "admin.kubeconfig") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}

func (s *server) accountToken() string {
	s.t.Helper()
	s.waitFor("create", "serviceaccount/default") // by its controller, soon after the start
	return strings.TrimSpace(s.kubectl(args("create token default --duration=1h")))
}

// publicKeys are the ids of the keys that the server shows to whoever has one of its tokens.
func (s *server) publicKeys(token string) (ids []string) {
	s.t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.NewDecoder(s.request("GET", "/openid/v1/jwks", token, nil).Body).Decode(&set); err != nil {
		s.t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

// keyOf is the id of the key that signed a token.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.DecodeString(first)
	var header struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(data, &header)
	}
	if err != nil {
		t.Fatalf("no JWT: %v", err)
	}
	return header.Kid
}
