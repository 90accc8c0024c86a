package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Object is what the store keeps and the API serves: metadata that every kind
// has, a spec that the owner writes and a status that the controller writes.
// Kinds without spec and status (Secret, ConfigMap, Event) keep their fields in
// Rest, by top-level field name.
//
// An Object that came out of the store is shared by all its readers: treat it
// as immutable, and Clone before changing it.
type Object struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	Spec, Status json.RawMessage
	Rest         map[string]json.RawMessage
}

// Key names the object.
func (o *Object) Key() Key {
	return Key{Kind: KindOf(o.APIVersion, o.Kind), Namespace: o.Namespace, Name: o.Name}
}

// Clone is a copy that shares nothing with o that a caller may change. Raw JSON
// is shared: replace it, never write into it.
func (o *Object) Clone() *Object {
	c := *o
	o.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	c.Rest = maps.Clone(o.Rest)
	return &c
}

// MarshalJSON writes the fields in the order people read them: apiVersion,
// kind, metadata, spec, the rest by name, status. Equal objects have equal bytes. The raw JSON in the
// object is taken to be valid.
func (o *Object) MarshalJSON() ([]byte, error) {
	var d document
	d.Grow(o.room())
	if o.APIVersion != "" {
		d.add("apiVersion", o.APIVersion)
	}
	if o.Kind != "" {
		d.add("kind", o.Kind)
	}
	d.add("metadata", o.ObjectMeta)
	if len(o.Spec) > 0 {
		d.addRaw("spec", o.Spec)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Rest)) {
		d.addRaw(name, o.Rest[name])
	}
	if len(o.Status) > 0 {
		d.addRaw("status", o.Status)
	}
	return d.end()
}

// room is about how many bytes the object has as JSON.
func (o *Object) room() int {
	n := 1024 + len(o.Spec) + len(o.Status)
	for _, entry := range o.ManagedFields {
		n += 256
		if entry.FieldsV1 != nil {
			n += len(entry.FieldsV1.GetRawBytes())
		}
	}
	for _, raw := range o.Rest {
		n += len(raw)
	}
	return n
}

// document writes a JSON object field by field; the first error sticks.
type document struct {
	bytes.Buffer
	err error
}

func (d *document) add(name string, value any) {
	raw, err := json.Marshal(value)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s: %w", name, err)
	}
	d.name(name)
	d.Write(raw)
}

// addRaw adds a field that is JSON already; mostly in the form that it would be given.
func (d *document) addRaw(name string, raw json.RawMessage) {
	if !finished(raw) {
		d.add(name, raw)
		return
	}
	d.name(name)
	d.Write(raw)
}

func (d *document) name(name string) {
	separator := byte(',')
	if d.Len() == 0 {
		separator = '{'
	}
	key, _ := json.Marshal(name) // a string always has a form
	d.WriteByte(separator)
	d.Write(key)
	d.WriteByte(':')
}

// finished reports whether json.Marshal would leave a value as it is: without spaces, and with
// its escapes.
func finished(raw []byte) bool {
	inString := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			inString = !inString
		case c == '\\':
			i++
		case c == '<', c == '>', c == '&', c == 0xe2: // the last may begin a separator of lines
			return false
		case !inString && blank(c):
			return false
		}
	}
	return len(raw) > 0 && !inString
}

func (d *document) end() ([]byte, error) {
	d.WriteByte('}')
	return d.Bytes(), d.err
}

// UnmarshalJSON reads any object; fields that are not metadata, spec or status
// land in Rest. A null spec or status is the same as an absent one.
func (o *Object) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*o = Object{}
	for name, raw := range fields {
		if err := o.Set(name, raw); err != nil {
			return err
		}
	}
	return nil
}

// Set sets one top-level field from its JSON.
func (o *Object) Set(name string, raw json.RawMessage) (err error) {
	switch name {
	case "apiVersion":
		err = json.Unmarshal(raw, &o.APIVersion)
	case "kind":
		err = json.Unmarshal(raw, &o.Kind)
	case "metadata":
		err = json.Unmarshal(raw, &o.ObjectMeta)
	case "spec":
		o.Spec = notNull(raw)
	case "status":
		o.Status = notNull(raw)
	default:
		if o.Rest == nil {
			o.Rest = map[string]json.RawMessage{}
		}
		o.Rest[name] = raw
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func notNull(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// SameJSON reports whether two documents mean the same, whatever the order of
// their keys and their white space. Absent (empty) equals absent only. Documents that name a field
// twice may be told to differ though the last of each is the same.
func SameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 || surelyDiffer(a, b) {
		return false
	}
	va, errA := decoded(a)
	vb, errB := decoded(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

// decoded is a document with its numbers as they are written.
func decoded(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// SortByCreation orders objects from oldest to newest, by name where the
// clock's second does not tell.
func SortByCreation(objects []*Object) {
	sort.SliceStable(objects, func(i, j int) bool {
		a, b := objects[i], objects[j]
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return a.Name < b.Name
	})
}
