package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
)

// Change is what one write does to one object. The rules make it; a store gives
// it a revision when it commits, and the Hub tells it to the watchers.
type Change struct {
	Type     EventType   // Added, Modified or Deleted; "" when the write changes nothing
	Old, New *api.Object // the states before (nil for Added) and after; after a removal New is the last state
	Revision Revision    // 0 until the change is committed
	// Version says that New begins a generation of a spec, which History keeps.
	Version bool
}

// At gives the change the revision that it was committed with.
func (c Change) At(r Revision) Change {
	c.Revision = r
	c.New.ResourceVersion = r.String()
	return c
}

// Key names the object that changes.
func (c Change) Key() api.Key { return c.New.Key() }

// Create is the rule of Store.Create: live is the object that has the key now,
// nil when it is free.
func Create(live, obj *api.Object, uid string, now time.Time) (Change, error) {
	if err := check(obj); err != nil {
		return Change{}, err
	}
	if live != nil {
		return Change{}, fmt.Errorf("%s: %w", obj.Key(), api.ErrExists)
	}
	o := obj.Clone()
	o.UID = types.UID(uid)
	o.CreationTimestamp = second(now)
	o.DeletionTimestamp, o.DeletionGracePeriodSeconds = nil, nil
	o.Generation = 1
	o.ResourceVersion = ""
	return Change{Type: Added, New: o, Version: len(o.Spec) > 0}, nil
}

// Update is the rule of Store.Update.
func Update(live, obj *api.Object, opts ...WriteOption) (Change, error) {
	if err := current(live, obj); err != nil {
		return Change{}, err
	}
	o := obj.Clone()
	o.Status = live.Status
	o.UID, o.ResourceVersion, o.Generation = live.UID, live.ResourceVersion, live.Generation
	o.CreationTimestamp = live.CreationTimestamp
	o.DeletionTimestamp = live.DeletionTimestamp
	o.DeletionGracePeriodSeconds = live.DeletionGracePeriodSeconds
	moved := !sameWish(live, o)
	if !moved && o.TypeMeta == live.TypeMeta && equality.Semantic.DeepEqual(o.ObjectMeta, live.ObjectMeta) {
		return Change{Old: live, New: live}, nil
	}
	if moved {
		o.Generation++
	}
	c := Change{Type: Modified, Old: live, New: o, Version: moved && len(o.Spec) > 0}
	if o.DeletionTimestamp != nil && len(o.Finalizers) == 0 {
		c.Type, c.Version = Deleted, false
	}
	c.Version = c.Version && !Writing(opts...).passes(c)
	return c, nil
}

// UpdateStatus is the rule of Store.UpdateStatus.
func UpdateStatus(live, obj *api.Object, opts ...WriteOption) (Change, error) {
	if err := current(live, obj); err != nil {
		return Change{}, err
	}
	fields := Writing(opts...).ManagedFields && !equality.Semantic.DeepEqual(live.ManagedFields, obj.ManagedFields)
	if !fields && api.SameJSON(live.Status, obj.Status) {
		return Change{Old: live, New: live}, nil
	}
	o := live.Clone()
	o.Status = obj.Status
	if fields {
		o.ManagedFields = obj.Clone().ManagedFields
	}
	return Change{Type: Modified, Old: live, New: o}, nil
}

// Delete is the rule of Store.Delete.
func Delete(live *api.Object, key api.Key, pre Preconditions, now time.Time, opts ...WriteOption) (Change, error) {
	if live == nil {
		return Change{}, fmt.Errorf("%s: %w", key, api.ErrNotFound)
	}
	if pre.UID != "" && pre.UID != string(live.UID) {
		return Change{}, fmt.Errorf("%s: the uid is %s, not %s: %w", key, live.UID, pre.UID, api.ErrConflict)
	}
	if pre.ResourceVersion != "" && pre.ResourceVersion != live.ResourceVersion {
		return Change{}, fmt.Errorf("%s: %w", key, api.ErrConflict)
	}
	o := live.Clone()
	if rule := Writing(opts...).Finalizers; rule != nil {
		o.Finalizers = rule(o.Finalizers)
	}
	switch {
	case len(o.Finalizers) == 0:
		return Change{Type: Deleted, Old: live, New: o}, nil
	case o.DeletionTimestamp == nil:
	case slices.Equal(o.Finalizers, live.Finalizers):
		return Change{Old: live, New: live}, nil
	default:
		return Change{Type: Modified, Old: live, New: o}, nil
	}
	at, grace := second(now), int64(0)
	o.DeletionTimestamp, o.DeletionGracePeriodSeconds = &at, &grace
	o.Generation++
	return Change{Type: Modified, Old: live, New: o}, nil
}

// current checks that obj may replace live: it was made from this very state.
func current(live, obj *api.Object) error {
	if err := check(obj); err != nil {
		return err
	}
	if live == nil {
		return fmt.Errorf("%s: %w", obj.Key(), api.ErrNotFound)
	}
	if obj.ResourceVersion != live.ResourceVersion {
		return fmt.Errorf("%s: %w", obj.Key(), api.ErrConflict)
	}
	if obj.UID != "" && obj.UID != live.UID {
		return fmt.Errorf("%s: the uid is %s, not %s: %w", obj.Key(), live.UID, obj.UID, api.ErrConflict)
	}
	return nil
}

// check refuses what no store could keep.
func check(o *api.Object) error {
	if o.Kind == "" || o.Name == "" {
		return fmt.Errorf("%s: an object needs a kind and a name: %w", o.Key(), api.ErrInvalid)
	}
	parts := map[string]json.RawMessage{"spec": o.Spec, "status": o.Status}
	for name, raw := range o.Rest {
		parts[name] = raw
		if len(raw) == 0 {
			return fmt.Errorf("%s: %s is empty: %w", o.Key(), name, api.ErrInvalid)
		}
	}
	for name, raw := range parts {
		if len(raw) > 0 && !json.Valid(raw) {
			return fmt.Errorf("%s: %s is not JSON: %w", o.Key(), name, api.ErrInvalid)
		}
	}
	return nil
}

// sameWish reports whether all outside metadata and status is the same.
func sameWish(a, b *api.Object) bool {
	if !api.SameJSON(a.Spec, b.Spec) || len(a.Rest) != len(b.Rest) {
		return false
	}
	for name, raw := range a.Rest {
		if !api.SameJSON(raw, b.Rest[name]) {
			return false
		}
	}
	return true
}

// second is now as an object's metadata can carry it.
func second(now time.Time) metav1.Time {
	return metav1.Time{Time: now.UTC().Truncate(time.Second)}
}
