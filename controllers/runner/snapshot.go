package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/powernode/powernode/api"
	protocol "github.com/powernode/powernode/api/runner"
)

// uploader stores a content of the given size; open is called for every try.
type uploader func(ctx context.Context, size int64, open func() (io.ReadCloser, error)) (protocol.Blob, error)

// snapshot uploads the files unless they are still as at the last snapshot, and
// names the snapshot they are in; nil when there never was anything. Files that
// can't be kept are no error: the Blob then has no digest, and note says why.
func (s *workspace) snapshot(ctx context.Context, upload uploader) (blob *protocol.Blob, note string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var state spaceState
	if err := s.dir.readJSON("state.json", &state); err != nil {
		return nil, "", err
	}
	root, err := os.OpenRoot(s.files())
	if err != nil {
		return s.unsaved(state, 0, err)
	}
	defer root.Close()
	print, size, err := fingerprint(root)
	if err != nil {
		return s.unsaved(state, size, err)
	}
	if print == state.Fingerprint {
		return state.Latest, "", nil
	}
	if size > largestArchive {
		return s.unsaved(state, size, fmt.Errorf("%w: %s, the limit is %s", errTooLarge, megabytes(size), megabytes(largestArchive)))
	}
	saved, err := packAndUpload(ctx, string(s.dir), root, nil, true, upload)
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case errors.Is(err, api.ErrNotFound), errors.Is(err, api.ErrConflict):
		return nil, "", err
	case err != nil:
		return s.unsaved(state, size, err)
	}
	state.History = append(state.History, saved.SHA256)
	state.Latest, state.Fingerprint = &saved.Blob, print
	return state.Latest, "", s.dir.writeJSON("state.json", state)
}

// unsaved remembers that the files are in a state that only this runner has.
func (s *workspace) unsaved(state spaceState, size int64, why error) (*protocol.Blob, string, error) {
	state.History = append(state.History, "")
	state.Latest, state.Fingerprint = &protocol.Blob{Size: size}, ""
	note := fmt.Sprintf("The workspace is not saved, so that no other runner can go on with it: %s", why)
	return state.Latest, note, s.dir.writeJSON("state.json", state)
}

// packAndUpload archives the named entries of root, all of them when names is
// nil, by way of a temporary file in dir.
func packAndUpload(ctx context.Context, dir string, root *os.Root, names []string, keepTimes bool, upload uploader) (protocol.Artifact, error) {
	if names == nil {
		var err error
		if names, err = tree(root); err != nil {
			return protocol.Artifact{}, err
		}
	}
	f, packed, err := packFile(dir, root, names, keepTimes)
	if err != nil {
		return protocol.Artifact{}, err
	}
	defer f.Close()
	blob, err := upload(ctx, packed.size, func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, packed.size)), nil
	})
	if err == nil && blob.SHA256 != packed.sha256 {
		err = fmt.Errorf("the server keeps %s for what is %s: the content was changed on its way", blob.SHA256, packed.sha256)
	}
	return protocol.Artifact{Blob: blob, Files: packed.files}, err
}
