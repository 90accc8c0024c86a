package pipelinerun

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Artifacts serves GET .../pipelineruns/NAME/artifacts: their list as JSON
// ({"items": [...]}, as in the run's status), and below it each by name as tar.gz, with its
// digest in Repr-Digest (RFC 9530) and as ETag.
func Artifacts(blobs Blobs) api.Subresource {
	return func(w http.ResponseWriter, r *http.Request, obj *api.Object, rest string) error {
		var status v1.PipelineRunStatus
		if len(obj.Status) > 0 {
			if err := json.Unmarshal(obj.Status, &status); err != nil {
				return fmt.Errorf("status of %s: %w", obj.Key(), err)
			}
		}
		if rest == "" {
			return listArtifacts(w, status.Artifacts)
		}
		i := slices.IndexFunc(status.Artifacts, func(a v1.RunArtifact) bool { return a.Name == rest })
		if i < 0 {
			return fmt.Errorf("%s has no artifact %q: %w", obj.Key(), rest, api.ErrNotFound)
		}
		return sendArtifact(w, r, blobs, string(obj.UID), status.Artifacts[i])
	}
}

func listArtifacts(w http.ResponseWriter, artifacts []v1.RunArtifact) error {
	if artifacts == nil {
		artifacts = []v1.RunArtifact{}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"items": artifacts})
}

// sendArtifact streams a content. One that turns out damaged breaks off before
// its last byte, so that no client takes it for whole.
func sendArtifact(w http.ResponseWriter, r *http.Request, blobs Blobs, owner string, a v1.RunArtifact) error {
	content, size, err := blobs.Open(r.Context(), owner, a.SHA256)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", a.Name, err)
	}
	defer content.Close()
	digest, err := hex.DecodeString(a.SHA256)
	if err != nil {
		return fmt.Errorf("artifact %s: digest %q: %w", a.Name, a.SHA256, err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name + ".tar.gz"}))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest)+":")
	h.Set("ETag", strconv.Quote(a.SHA256))
	return copyChecked(w, content, size, a)
}

func copyChecked(w io.Writer, content io.Reader, size int64, a v1.RunArtifact) error {
	hash := sha256.New()
	content = io.TeeReader(content, hash)
	if _, err := io.CopyN(w, content, max(size-1, 0)); err != nil {
		return fmt.Errorf("artifact %s: %w", a.Name, err)
	}
	last, err := io.ReadAll(io.LimitReader(content, 2))
	if err != nil {
		return fmt.Errorf("artifact %s: %w", a.Name, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != a.SHA256 {
		return fmt.Errorf("artifact %s is damaged: its SHA-256 is %s, not %s", a.Name, got, a.SHA256)
	}
	_, err = w.Write(last)
	return err
}
