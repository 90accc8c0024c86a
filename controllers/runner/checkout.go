package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// checkoutLimit bounds a checkout, whatever time the step has.
const checkoutLimit = 300 * time.Second

// errCheckoutTime: the checkout's own limit is over.
var errCheckoutTime = fmt.Errorf("the checkout did not end within %s", checkoutLimit)

// git runs git commands of one checkout.
type git struct {
	task taskDir
	dir  string // the work tree
	env  []string
	out  io.Writer
}

// checkout brings the work tree to a commit of the repository and returns the
// step's outputs. What the tree held before goes away; the history that is
// there is used, so that doing it again is quick and changes nothing.
func checkout(ctx context.Context, d taskDir, p checkoutPlan, env []string, out io.Writer) (map[string]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkoutLimit, errCheckoutTime)
	defer cancel()
	dir, err := confined(p.Workspace, p.Path)
	if err != nil {
		return nil, failed("NoSuchPath", fmt.Errorf("with.path: %w", err))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.path("gitconfig"), []byte(gitConfig), 0o600); err != nil {
		return nil, err
	}
	g := &git{task: d, dir: dir, env: append(env, gitEnv(d, p)...), out: out}
	commit, err := g.checkout(ctx, p)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, failed("CloneFailed", fmt.Errorf("clone %s: %w", p.URL, err))
	}
	fmt.Fprintf(out, "Checked out %s\n", commit)
	return map[string]string{"commit_sha": commit, "ref": p.Ref, "repository": p.URL, "workspace": dir}, nil
}

func (g *git) checkout(ctx context.Context, p checkoutPlan) (string, error) {
	if err := g.prepare(ctx, p.URL); err != nil {
		return "", err
	}
	ref := p.Ref
	if ref == "" {
		ref = "HEAD"
	}
	fmt.Fprintf(g.out, "Fetching %s of %s\n", ref, p.URL)
	if err := g.fetch(ctx, ref, p.Depth); err != nil {
		return "", err
	}
	steps := [][]string{
		{"checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"},
		{"clean", "-ffdxq"},
	}
	for _, args := range steps {
		if _, err := g.run(ctx, args...); err != nil {
			return "", err
		}
	}
	commit, err := g.run(ctx, "rev-parse", "HEAD")
	return strings.TrimSpace(commit), err
}

// prepare makes a repository of the directory that knows its origin.
func (g *git) prepare(ctx context.Context, url string) error {
	if _, err := os.Stat(filepath.Join(g.dir, ".git", "HEAD")); err != nil {
		if _, err := g.run(ctx, "init", "--quiet", "--initial-branch=main"); err != nil {
			return err
		}
	}
	// A git that was killed leaves its locks; nobody else works here.
	for _, lock := range []string{"index.lock", "HEAD.lock", "shallow.lock", "config.lock"} {
		_ = os.Remove(filepath.Join(g.dir, ".git", lock))
	}
	_, err := g.run(ctx, "config", "remote.origin.url", url)
	return err
}

var shortCommit = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// fetch brings ref to FETCH_HEAD: a branch, a tag, or a commit. A server may
// refuse to hand out a commit by its name, and none does so by a short name;
// then all branches and tags are fetched, and the commit looked for in them.
func (g *git) fetch(ctx context.Context, ref string, depth int) error {
	args := []string{"fetch", "--quiet", "--force", "--no-tags", "--update-head-ok"}
	if depth > 0 {
		args = append(args, "--depth="+strconv.Itoa(depth))
	} else if _, err := os.Stat(filepath.Join(g.dir, ".git", "shallow")); err == nil {
		args = append(args, "--unshallow")
	}
	_, err := g.run(ctx, append(args, "origin", "--", ref)...)
	if err == nil || !shortCommit.MatchString(ref) {
		return err
	}
	all := []string{"fetch", "--quiet", "--force", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"}
	if _, errAll := g.run(ctx, all...); errAll != nil {
		return err
	}
	commit, errCommit := g.run(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if errCommit != nil {
		return fmt.Errorf("no branch, tag or commit %s: %w", ref, err)
	}
	return os.WriteFile(filepath.Join(g.dir, ".git", "FETCH_HEAD"), []byte(strings.TrimSpace(commit)+"\t\tcommit\n"), 0o600)
}

// run runs one git command. Its errors are git's own words.
func (g *git) run(ctx context.Context, args ...string) (string, error) {
	var said bytes.Buffer
	c := exec.Command("git", args...)
	c.Dir, c.Env = g.dir, g.env
	quiet := args[0] == "rev-parse"
	var to io.Writer = &said
	if !quiet {
		to = io.MultiWriter(g.out, &tailWriter{to: &said})
	}
	err := runProcess(ctx, g.task, c, to)
	var exit *exitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %s", args[0], gitMessage(said.String(), exit))
	}
	return said.String(), err
}

// gitMessage is the last of what git said that people read: its fatal: lines,
// or all of it.
func gitMessage(said string, exit *exitError) string {
	var fatal, all []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if text, is := strings.CutPrefix(line, "fatal: "); is {
			fatal = append(fatal, text)
		} else if line != "" {
			all = append(all, line)
		}
	}
	switch {
	case len(fatal) > 0:
		return strings.Join(fatal, "; ")
	case len(all) > 0:
		return strings.Join(all, "; ")
	}
	return exit.Error()
}

// tailWriter keeps at most the first 8 KiB for a message.
type tailWriter struct{ to *bytes.Buffer }

func (w *tailWriter) Write(p []byte) (int, error) {
	if room := 8<<10 - w.to.Len(); room > 0 {
		w.to.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
