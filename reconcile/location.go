package reconcile

import "github.com/powernode/powernode/api"

// location is where an object belongs: to a group of which one is worked on at a time ("": it has
// one of its own), and to the slot whose owner works on it.
type location struct {
	group string
	slot  int
}

// locationOf is where an object belongs. By default its slot is that of its group, or its
// own; prefixes keep what kinds choose apart from what is so by default.
func (c *controller) locationOf(obj *api.Object) location {
	o := c.kind.options
	group := ""
	if o.serialize != nil {
		group = "group " + o.serialize(obj)
	}
	switch {
	case o.shard != nil:
		return location{group, slotOf("shard " + o.shard(obj))}
	case group != "":
		return location{group, slotOf(c.kind.Name + " " + group)}
	}
	return location{group, slotOf(c.kind.Name + " object " + obj.Namespace + "/" + obj.Name)}
}

// locate is where the object of a key belongs, as far as is known; false when there is none.
func (c *controller) locate(key api.Key) (location, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.places[key]
	return at, ok
}

// relocate notes where a pass found its object to belong.
func (c *controller) relocate(key api.Key, at location) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.places[key]; ok {
		c.places[key] = at
	}
}
