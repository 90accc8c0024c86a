package runner_test

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	protocol "github.com/powernode/powernode/api/runner"
)

// repository is a bare repository with two commits on main, a branch and a tag.
type repository struct {
	*testing.T
	path            string
	first, second   string // commits of main
	feature, tagged string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{T: t, path: filepath.Join(t.TempDir(), "origin.git")}
	work := t.TempDir()
	r.git(work, "init", "--quiet", "--initial-branch=main")
	commit := func(text string) string {
		if err := os.WriteFile(filepath.Join(work, "file"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r.git(work, "add", "file")
		r.git(work, "commit", "--quiet", "-m", text)
		return r.git(work, "rev-parse", "HEAD")
	}
	r.first = commit("first")
	r.git(work, "tag", "-a", "-m", "one", "v1.0")
	r.tagged = r.first
	r.second = commit("second")
	r.git(work, "checkout", "--quiet", "-b", "feature/x", r.first)
	r.feature = commit("feature")
	r.git(work, "checkout", "--quiet", "main")
	r.git(work, "clone", "--quiet", "--bare", work, r.path)
	return r
}

func (r *repository) git(dir string, args ...string) string {
	r.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		r.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestCheckoutOfAnyRef(t *testing.T) {
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	web := serveGit(t, r, "")
	for _, remote := range []string{r.path, "file://" + r.path, web.URL + "/origin.git"} {
		for ref, want := range map[string][2]string{
			"": {r.second, "second"}, "main": {r.second, "second"}, "feature/x": {r.feature, "feature"}, "v1.0": {r.tagged, "first"},
			"refs/heads/feature/x": {r.feature, "feature"}, r.first: {r.first, "first"}, r.first[:8]: {r.first, "first"}, r.feature[:10]: {r.feature, "feature"},
		} {
			if remote == r.path && ref != "main" || remote == web.URL+"/origin.git" && len(ref) < 8 {
				continue // the same git commands; each takes its time
			}
			name := strings.NewReplacer("/", "-", ":", "-").Replace("c-" + remote[:4] + "-" + ref)
			s := w.step(name, "checkout", with{"repository": remote, "ref": ref, "depth": 1})
			result := w.succeed(s, w.script("cat-"+name, "cat file; git -c safe.directory=* rev-list --count HEAD"))[0]
			if result.Outputs["commit_sha"] != want[0] || result.Outputs["ref"] != ref || result.Outputs["repository"] != remote || result.Outputs["workspace"] == "" {
				t.Errorf("%s at %q: outputs %v", remote, ref, result.Outputs)
			}
			got := w.log(w.script("cat-"+name, ""))
			if !strings.HasPrefix(got, want[1]) {
				t.Errorf("%s at %q: %q", remote, ref, got)
			}
		}
	}
}

func TestCheckoutDepth(t *testing.T) {
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	count := "git -c safe.directory=* rev-list --count HEAD"
	w.succeed(
		w.step("shallow", "checkout", with{"depth": "${{ inputs.depth }}"}, of(r), func(s *protocol.Step) {
			s.Context = contextOf(t, map[string]any{"inputs": map[string]any{"depth": "1"}})
		}), w.script("one", count),
		w.step("whole", "checkout", with{}, of(r)), w.script("two", count),
		w.step("below", "checkout", with{"path": "third/party", "ref": "${{ inputs.ref }}"}, of(r), func(s *protocol.Step) {
			s.Context = contextOf(t, map[string]any{"inputs": map[string]any{"ref": "v1.0"}})
		}), w.script("three", "cat file third/party/file"),
	)
	for step, want := range map[string]string{"one": "1\n", "two": "2\n", "three": "secondfirst"} {
		if got := w.log(w.script(step, "")); got != want {
			t.Errorf("%s: %q, not %q", step, got, want)
		}
	}
}

func of(r *repository) func(*protocol.Step) {
	return func(s *protocol.Step) { s.Repository = &protocol.Repository{URL: r.path} }
}

func TestCheckoutReplacesWhatWasThere(t *testing.T) {
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	w.succeed(
		w.step("first", "checkout", with{}, of(r)),
		w.script("dirt", "echo changed > file; touch left; touch .git/index.lock"),
		w.step("again", "checkout", with{"ref": "v1.0"}, of(r)),
		w.script("look", "cat file; test ! -e left"),
	)
	if got := w.log(w.script("look", "")); got != "first" {
		t.Errorf("the file is %q", got)
	}
}

func TestCheckoutOfAForeignUsersRepository(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a repository to another user")
	}
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	err := filepath.WalkDir(r.path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 12345, 12345)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.succeed(w.step("path", "checkout", with{"repository": r.path}), w.step("file", "checkout", with{"repository": "file://" + r.path, "depth": 1}))
}

func TestCheckoutFailsInGitsWords(t *testing.T) {
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	web := serveGit(t, r, "hunter2-hunter2")
	for name, c := range map[string]struct {
		config          with
		reason, message string
	}{
		"nowhere":     {with{"repository": "file:///no/such/repository"}, "CloneFailed", "'/no/such/repository' does not appear to be a git repository"},
		"no ref":      {with{"repository": r.path, "ref": "nope"}, "CloneFailed", "couldn't find remote ref nope"},
		"no commit":   {with{"repository": r.path, "ref": "deadbeef"}, "CloneFailed", "no branch, tag or commit deadbeef"},
		"an option":   {with{"repository": r.path, "ref": "--upload-pack=touch /tmp/owned"}, "InvalidStep", "is not a branch, a tag or a commit"},
		"no password": {with{"repository": web.URL + "/origin.git"}, "CloneFailed", "could not read Username"},
		"wrong":       {with{"repository": strings.Replace(web.URL, "http://", "http://user:wrong-password@", 1) + "/origin.git"}, "CloneFailed", "Authentication failed"},
		"outside":     {with{"repository": r.path, "path": "../up"}, "NoSuchPath", "leads out of the workspace"},
		"program":     {with{"repository": "ext::sh -c true"}, "CloneFailed", "'ext' not allowed"},
		"none":        {with{}, "InvalidStep", "the pipeline has no repository"},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.step("s-"+strings.ReplaceAll(name, " ", "-"), "checkout", c.config)
			got := w.do(s)
			if got.Conclusion != protocol.Failure || got.Reason != c.reason || !strings.Contains(got.Message, c.message) {
				t.Errorf("result: %+v\n%s", got, w.log(s))
			}
			if strings.Contains(got.Message+w.log(s), "wrong-password") {
				t.Errorf("the password is shown: %+v\n%s", got, w.log(s))
			}
		})
	}
}

func TestCheckoutWithCredentials(t *testing.T) {
	w, r := newWorld(t), newRepository(t)
	w.agent("a")
	web := serveGit(t, r, "hunter2-hunter2")
	w.secret("git", "password", "hunter2-hunter2")
	address := strings.Replace(web.URL, "http://", "http://user:${{ secrets.GIT }}@", 1) + "/origin.git"
	s := w.step("private", "checkout", with{"repository": address}, func(s *protocol.Step) {
		s.SecretRefs = []protocol.SecretRef{{As: "GIT", Name: "git", Key: "password"}}
	})
	r1 := w.succeed(s, w.script("config", "cat .git/config; grep -r hunter2 . || true"))
	if got := r1[0].Outputs["repository"]; got != web.URL+"/origin.git" {
		t.Errorf("the repository's address is %q", got)
	}
	if got := w.log(w.script("config", "")); strings.Contains(got, "hunter2") || strings.Contains(got, "***") {
		t.Errorf("the password was kept:\n%s", got)
	}
}

// serveGit serves the repository over HTTP, to those who know the password if there is one.
func serveGit(t *testing.T, r *repository, password string) *httptest.Server {
	t.Helper()
	libexec := r.git(r.path, "--exec-path")
	backend := &cgi.Handler{Path: filepath.Join(libexec, "git-http-backend"), Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.path), "GIT_HTTP_EXPORT_ALL=1"}}
	web := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		if _, given, _ := request.BasicAuth(); given != password {
			out.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(out, "no", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(out, request)
	}))
	t.Cleanup(web.Close)
	return web
}
