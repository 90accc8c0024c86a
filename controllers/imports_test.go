package controllers

import (
	"encoding/json"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/powernode/powernode/"

// ban says that packages matching From must not import packages matching To.
// Patterns are path.Match patterns relative to the module; a trailing "/..."
// covers what lies below too. A To without the module's own paths is a foreign import path prefix.
type ban struct {
	From, To string
	Except   []string // patterns of From that may
	Why      string
}

var bans = []ban{
	{"api/...", "store/...", []string{"api/server", "api/identity"}, "the vocabulary does not know where objects are kept"},
	{"api/...", "reconcile/...", nil, "the vocabulary and the API do not know the engine"},
	{"api/...", "controllers/...", nil, "the API serves every kind alike"},
	{"api/...", "schemas/...", []string{"api/server"}, "the vocabulary does not validate documents"},
	{"api/client", "api/server", nil, "a client speaks HTTP only"},
	{"api/identity", "api/server", nil, "who somebody is does not depend on how they ask"},
	{"api/identity", "api/rbac", nil, "who somebody is says nothing of what they may do"},
	{"...", "github.com/coreos/go-oidc", []string{"api/identity", "cmd/pnctl"}, "id tokens are verified in api/identity, and fetched by pnctl"},
	{"...", "github.com/go-jose", []string{"api/identity/..."}, "JWTs are signed and verified in api/identity"},
	{"schemas/...", "store/...", nil, "schemas describe documents, not where they are kept"},
	{"schemas/...", "reconcile/...", nil, "schemas describe documents, not what becomes of them"},
	{"store/...", "schemas/...", nil, "the store keeps any document"},
	{"store/...", "reconcile/...", nil, "the store does not know who watches it"},
	{"store/...", "controllers/...", nil, "the store does not know any kind"},
	{"reconcile/...", "controllers/...", nil, "the engine does not know any kind"},
	{"reconcile/...", "api/server", nil, "the engine does not know HTTP"},
	{"controllers/*", "store/...", nil, "a controller sees objects, not the store"},
	{"controllers/*", "api/server", nil, "a controller does not know HTTP"},
	{"controllers/internal/...", "store/...", nil, "an adapter knows one outside world, not the store"},
	{"controllers/internal/...", "reconcile/...", nil, "an adapter knows one outside world, not the engine"},
	{"...", "cmd/...", []string{"cmd/..."}, "nothing imports a command"},
	{"...", "github.com/jackc/pgx", []string{"store/postgres/..."}, "SQL lives in store/postgres"},
	{"...", "github.com/labstack/echo", []string{"api/server/..."}, "routing lives in api/server"},
	{"...", "github.com/docker/docker", []string{"controllers/internal/docker/..."}, "the Docker SDK lives in controllers/internal/docker"},
}

// kindPackages are the folders directly below controllers; none may import another.
func kindPackages(paths []string) (kinds []string) {
	for _, p := range paths {
		if ok, _ := path.Match("controllers/*", p); ok && p != "controllers/internal" {
			kinds = append(kinds, p)
		}
	}
	return kinds
}

func TestImports(t *testing.T) {
	imports := listImports(t)
	var paths []string
	for p := range imports {
		paths = append(paths, p)
	}
	for _, b := range bans {
		if !anyMatch(b.From, paths) {
			t.Errorf("the rule %s -> %s is about a path that is gone", b.From, b.To)
		}
		for _, p := range paths {
			if match(b.From, p) && !matchAny(b.Except, p) {
				for _, imported := range imports[p] {
					if match(b.To, imported) || strings.HasPrefix(imported, b.To+"/") {
						t.Errorf("%s imports %s: %s", p, imported, b.Why)
					}
				}
			}
		}
	}
	kinds := kindPackages(paths)
	for _, p := range kinds {
		for _, imported := range imports[p] {
			if ok, _ := path.Match("controllers/*", imported); ok && imported != p {
				t.Errorf("%s imports %s: kinds do not know each other", p, imported)
			}
		}
	}
}

// listImports maps each package of the module to what its non-test files
// import, module paths without their prefix.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, i := range p.Imports {
			list = append(list, strings.TrimPrefix(i, module))
		}
		imports[strings.TrimPrefix(p.ImportPath, module)] = list
	}
	return imports
}

func match(pattern, p string) bool {
	if pattern == "..." {
		return true
	}
	if base, deep := strings.CutSuffix(pattern, "/..."); deep {
		return p == base || strings.HasPrefix(p, base+"/")
	}
	ok, _ := path.Match(pattern, p)
	return ok
}

func matchAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if match(pattern, p) {
			return true
		}
	}
	return false
}

func anyMatch(pattern string, paths []string) bool {
	for _, p := range paths {
		if match(pattern, p) {
			return true
		}
	}
	return false
}
