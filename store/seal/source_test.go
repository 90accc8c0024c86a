package seal_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/powernode/powernode/store/seal"
)

func TestAFileKeepsKeysInOrder(t *testing.T) {
	ctx := t.Context()
	f := &seal.File{Path: filepath.Join(t.TempDir(), "encryption.key")}
	if keys, err := f.Keys(ctx, nil); err != nil || len(keys) != 0 {
		t.Fatalf("%v, %v", keys, err)
	}
	var made []seal.Key
	for range 3 {
		key, wrapped, err := f.New(ctx)
		if err != nil || wrapped != nil {
			t.Fatal(err)
		}
		made = append(made, key)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if err := f.Drop(ctx, made[1].ID()); err != nil {
		t.Fatal(err)
	}
	keys, err := (&seal.File{Path: f.Path}).Keys(ctx, nil)
	if err != nil || len(keys) != 2 || keys[0] != made[0] || keys[1] != made[2] {
		t.Fatalf("%v, %v", keys, err)
	}
	text, err := os.ReadFile(f.Path)
	if err != nil || !strings.HasPrefix(string(text), "# Keys that Powernode") {
		t.Fatalf("%s, %v", text, err)
	}
	if left, err := os.ReadDir(filepath.Dir(f.Path)); err != nil || len(left) != 1 {
		t.Fatalf("%v is left behind, %v", left, err)
	}
}

func TestAFileThatIsNotUnderstoodIsNotTouched(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"no key":          {"hunter2\n", 0o600, "key 1 is not 32 bytes in base64"},
		"a short key":     {"aHVudGVyMg==\n", 0o600, "key 1 is not 32 bytes in base64"},
		"open to others":  {"", 0o644, "chmod 600"},
		"open to a group": {"", 0o640, "chmod 600"},
	} {
		path := filepath.Join(t.TempDir(), "encryption.key")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		f := &seal.File{Path: path}
		_, err := f.Keys(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := f.New(t.Context()); err == nil {
			t.Errorf("%s: a key was added", name)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != c.text {
			t.Errorf("%s: it is %q now, %v", name, text, err)
		}
	}
}

func TestTheEnvironmentHasKeys(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	t.Setenv("TEST_KEYS", base64.StdEncoding.EncodeToString(a[:])+", "+base64.StdEncoding.EncodeToString(b[:]))
	e := seal.Env{Name: "TEST_KEYS"}
	keys, err := e.Keys(t.Context(), nil)
	if err != nil || len(keys) != 2 || keys[0] != a || keys[1] != b {
		t.Fatalf("%v, %v", keys, err)
	}
	if _, _, err := e.New(t.Context()); err == nil || !strings.Contains(err.Error(), "TEST_KEYS") || !strings.Contains(err.Error(), "add one") {
		t.Fatal(err)
	}
	if err := e.Drop(t.Context(), a.ID()); err == nil || !strings.Contains(err.Error(), "yourself") {
		t.Fatal(err)
	}
	if err := e.Drop(t.Context(), seal.NewKey().ID()); err != nil {
		t.Fatal(err)
	}
}

// transit is the part of Vault's HTTP API that we use (secret/transit: encrypt, decrypt), with
// a "cipher" that only says what was asked.
func transit(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Plaintext, Ciphertext string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPut {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		answer := map[string]any{}
		switch {
		case r.Header.Get("X-Vault-Token") != "s.token":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"errors":["permission denied"]}`))
			return
		case r.URL.Path == "/v1/transit/encrypt/powernode":
			answer["ciphertext"] = "vault:v1:" + reverse(in.Plaintext)
		case r.URL.Path == "/v1/transit/decrypt/powernode" && strings.HasPrefix(in.Ciphertext, "vault:v1:"):
			answer["plaintext"] = reverse(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":["invalid ciphertext: no prefix"]}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": answer})
	}))
	t.Cleanup(s.Close)
	return s
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func TestVaultWrapsKeys(t *testing.T) {
	t.Setenv("VAULT_ADDR", transit(t).URL)
	t.Setenv("VAULT_TOKEN", "")
	t.Setenv("VAULT_MAX_RETRIES", "0")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s.token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &seal.Vault{Name: "powernode", TokenFile: token}
	if err := v.Connect(); err != nil {
		t.Fatal(err)
	}
	a, wrappedA, err := v.New(t.Context())
	if err != nil || !strings.HasPrefix(string(wrappedA), "vault:v1:") {
		t.Fatalf("%s, %v", wrappedA, err)
	}
	b, wrappedB, err := v.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := v.Keys(t.Context(), [][]byte{wrappedA, wrappedB})
	if err != nil || len(keys) != 2 || keys[0] != a || keys[1] != b {
		t.Fatalf("%v, %v", keys, err)
	}
	if _, err := v.Keys(t.Context(), [][]byte{[]byte("broken")}); err == nil || !strings.Contains(err.Error(), "transit/powernode") || !strings.Contains(err.Error(), "invalid ciphertext") {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("s.other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = v.New(t.Context()); err == nil || !strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), "s.other") {
		t.Fatalf("with a token that is not good any more: %v", err)
	}
}
