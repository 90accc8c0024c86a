package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/powernode/powernode/api"
	protocol "github.com/powernode/powernode/api/runner"
)

// downloadArtifact unpacks an artifact of an earlier step below the wanted path;
// without a name every artifact, each in a directory of its name.
func (t *task) downloadArtifact(ctx context.Context, with downloadWith) (protocol.Result, error) {
	result := protocol.Result{Conclusion: protocol.Success}
	chosen, err := choose(t.record.Step.Artifacts, string(with.Name))
	if err != nil {
		return result, err
	}
	files := 0
	for _, artifact := range chosen {
		path := string(with.Path)
		if with.Name == "" {
			path = filepath.Join(path, artifact.Name)
		}
		n, err := t.unpackArtifact(ctx, artifact, path)
		if err != nil {
			return result, err
		}
		t.say(fmt.Sprintf("Downloaded artifact %s: %d files to %s", artifact.Name, n, path))
		files += n
	}
	result.Outputs = map[string]string{"path": filepath.Join(t.space.files(), string(with.Path)), "files_downloaded": strconv.Itoa(files)}
	return result, nil
}

// choose finds the artifact of a name, the latest when several steps uploaded one.
func choose(artifacts []protocol.Artifact, name string) ([]protocol.Artifact, error) {
	if name == "" {
		return artifacts, nil
	}
	var names []string
	for i := len(artifacts) - 1; i >= 0; i-- {
		if artifacts[i].Name == name {
			return artifacts[i : i+1], nil
		}
		names = append(names, artifacts[i].Name)
	}
	if len(names) == 0 {
		return nil, failed("NoSuchArtifact", fmt.Errorf("no step before this one uploaded an artifact %s, or any other", name))
	}
	return nil, failed("NoSuchArtifact", fmt.Errorf("no step before this one uploaded an artifact %s; there are %s", name, strings.Join(names, ", ")))
}

func (t *task) unpackArtifact(ctx context.Context, artifact protocol.Artifact, path string) (int, error) {
	dir, err := confined(t.space.files(), path)
	if err != nil {
		return 0, failed("NoSuchPath", fmt.Errorf("with.path: %w", err))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, failed("NoSuchPath", fmt.Errorf("with.path: %w", err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	content, err := t.fetch(ctx, artifact.SHA256)
	if errors.Is(err, api.ErrNotFound) {
		return 0, failed("NoSuchArtifact", fmt.Errorf("artifact %s is no longer kept: %w", artifact.Name, err))
	}
	if err != nil {
		return 0, err
	}
	defer content.Close()
	n, err := unpack(&cancellable{ctx, content}, root, false, false, largestArchive)
	if err != nil && ctx.Err() == nil {
		return 0, failed("InvalidArtifact", fmt.Errorf("unpack artifact %s: %w", artifact.Name, err))
	}
	return n, err
}

// cancellable ends reading when ctx does.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
