package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	protocol "github.com/powernode/powernode/api/runner"
)

// patterns is one pattern or a list of them.
type patterns []string

// UnmarshalJSON reads a string, of which each line is a pattern, or a list of strings.
func (p *patterns) UnmarshalJSON(raw []byte) error {
	var list []string
	if err := json.Unmarshal(raw, &list); err == nil {
		*p = list
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("it is neither a string nor a list of strings")
	}
	*p = nil
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			*p = append(*p, line)
		}
	}
	return nil
}

// uploadArtifact keeps what the patterns match under the artifact's name.
func (t *task) uploadArtifact(ctx context.Context, with uploadWith) (protocol.Result, error) {
	result := protocol.Result{Conclusion: protocol.Success}
	if !slices.Contains([]text{"error", "warn", "ignore"}, with.IfNoFilesFound) {
		return result, failed("InvalidStep", fmt.Errorf("with.ifNoFilesFound: %q is none of error, warn, ignore", with.IfNoFilesFound))
	}
	name := string(with.Name)
	root, err := os.OpenRoot(t.space.files())
	if err != nil {
		return result, err
	}
	defer root.Close()
	names, err := match(root, with.Path)
	if err != nil {
		return result, failed("InvalidStep", fmt.Errorf("with.path: %w", err))
	}
	if len(names) == 0 {
		message := fmt.Sprintf("nothing in the workspace matches %s", strings.Join(with.Path, ", "))
		if with.IfNoFilesFound == "error" {
			return result, failed("NoSuchPath", errors.New(message))
		}
		if with.IfNoFilesFound == "warn" {
			t.say("Warning: " + message)
		}
		result.Outputs = map[string]string{"artifact_name": name, "files_uploaded": "0"}
		return result, nil
	}
	artifact, err := packAndUpload(ctx, string(t.dir), root, names, false, t.lease.PutBlob)
	if errors.Is(err, errTooLarge) {
		return result, failed("ArtifactTooLarge", fmt.Errorf("artifact %s is over the limit of %s", name, megabytes(largestArchive)))
	}
	if err != nil {
		return result, fmt.Errorf("upload artifact %s: %w", name, err)
	}
	artifact.Name, artifact.Step = name, t.record.Step.Name
	t.say(fmt.Sprintf("Uploaded artifact %s: %s, %s, sha256 %s", artifact.Name, counted(artifact.Files, "file"), megabytes(artifact.Size), artifact.SHA256))
	result.Artifacts = []protocol.Artifact{artifact}
	result.Outputs = map[string]string{"artifact_name": artifact.Name, "files_uploaded": strconv.Itoa(artifact.Files),
		"size_bytes": strconv.FormatInt(artifact.Size, 10), "sha256": artifact.SHA256}
	return result, nil
}

// match lists, in a stable order, what the patterns select below root: * within
// a path segment, ** across, a directory with all that is in it, and a ! before a
// pattern takes away what it matches.
func match(root *os.Root, list patterns) ([]string, error) {
	for i, p := range list {
		clean := path.Clean(strings.TrimPrefix(p, "!"))
		if !filepath.IsLocal(clean) {
			return nil, fmt.Errorf("%q leads out of the workspace", p)
		}
		if !doublestar.ValidatePattern(clean) {
			return nil, fmt.Errorf("%q is not a pattern", p)
		}
		if list[i] = clean; strings.HasPrefix(p, "!") {
			list[i] = "!" + clean
		}
	}
	all, err := tree(root)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if selected(name, list) {
			names = append(names, name)
		}
	}
	return names, nil
}

// selected goes by the last pattern that matches name or a directory it is in.
func selected(name string, list patterns) bool {
	for i := len(list) - 1; i >= 0; i-- {
		pattern, not := strings.CutPrefix(list[i], "!")
		for at := name; ; at = path.Dir(at) {
			if ok, _ := doublestar.Match(pattern, at); ok {
				return !not
			}
			if at == "." {
				break
			}
		}
	}
	return false
}

// hashFiles is the digest over the digests of the files that the patterns
// match, "" when there are none.
func hashFiles(workspace string, list ...string) (string, error) {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return "", err
	}
	defer root.Close()
	names, err := match(root, append(patterns(nil), list...))
	if err != nil {
		return "", err
	}
	sum, found := sha256.New(), false
	for _, name := range names {
		info, err := root.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		one, err := hashFile(root, name)
		if err != nil {
			return "", err
		}
		sum.Write(one)
		found = true
	}
	if !found {
		return "", nil
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return sum.Sum(nil), err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
