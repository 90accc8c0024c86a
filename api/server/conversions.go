package server

import (
	"sync"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// conversions keeps what stored objects look like when served, so that all who read one get the
// same object, which is then encoded once (encode.go). It holds on to at most about two
// budgets of bytes; what was not asked for lately goes first.
type conversions struct {
	budget int

	mu         sync.Mutex
	young, old map[conversion]*api.Object
	size       int // of young
}

// conversion is a stored object, which never changes, and the kind as which it is served.
type conversion struct {
	stored *api.Object
	kind   *schemas.Kind
}

func (c *conversions) get(key conversion, convert func() *api.Object) *api.Object {
	obj, known := c.known(key)
	if !known {
		obj = convert()
	}
	return c.keep(key, obj)
}

func (c *conversions) known(key conversion) (*api.Object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if obj, ok := c.young[key]; ok {
		return obj, true
	}
	obj, ok := c.old[key]
	return obj, ok
}

// keep notes a conversion, unless somebody else was faster: then it is theirs that counts.
func (c *conversions) keep(key conversion, obj *api.Object) *api.Object {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.young[key]; ok {
		return first
	}
	if c.young == nil || c.size > c.budget {
		c.young, c.old, c.size = map[conversion]*api.Object{}, c.young, 0
	}
	c.young[key] = obj
	c.size += sizeOf(obj)
	return obj
}

// sizeOf is about what an object takes of memory.
func sizeOf(obj *api.Object) int {
	n := 1024 + len(obj.Spec) + len(obj.Status)
	for _, raw := range obj.Rest {
		n += len(raw)
	}
	return n
}
