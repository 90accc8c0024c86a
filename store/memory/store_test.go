package memory_test

import (
	"testing"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
	"github.com/powernode/powernode/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Store(t, func(*testing.T) store.Store { return new(memory.Store) })
}
