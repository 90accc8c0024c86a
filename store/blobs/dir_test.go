package blobs_test

import (
	"path/filepath"
	"testing"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/blobs"
	"github.com/powernode/powernode/store/storetest"
)

func TestBlobs(t *testing.T) {
	storetest.Blobs(t, func(t *testing.T) store.Blobs {
		return blobs.Dir{Path: filepath.Join(t.TempDir(), "made", "when", "needed")}
	})
}
