package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// maxAuditDocument is up to which size, in bytes, a record has an object itself.
const maxAuditDocument = 64 << 10

// What stands in a record in the place of a secret. That one was exchanged can be seen.
const (
	redacted        = "(redacted)"
	redactedChanged = "(redacted, changed)"
)

// lastApplied is the annotation in which a client-side apply repeats the object, secrets included.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// auditDocuments are two states of an object as a record may show them: without the values of
// fields that are sensitive in any of its forms, and without what repeats them. Of a kind that has no
// form nothing is known, and nothing shown. A state that is nil has no document.
func auditDocuments(forms []*schemas.Schema, old, now *api.Object) (before, after json.RawMessage) {
	if len(forms) == 0 {
		return nil, nil
	}
	if !slices.ContainsFunc(forms, (*schemas.Schema).HasSecrets) {
		return auditDocument(plain(old)), auditDocument(plain(now))
	}
	was, is := decoded(plain(old)), decoded(plain(now))
	shownWas, shownIs := was, is
	for _, form := range forms {
		shownWas = mask{}.value(form, shownWas, nil)
		shownIs = mask{compare: was != nil}.value(form, shownIs, was)
	}
	return auditDocument(encoded(shownWas)), auditDocument(encoded(shownIs))
}

// plain is the document of an object without the fields that say nothing of their own; nil
// when there is none.
func plain(obj *api.Object) []byte {
	if obj == nil {
		return nil
	}
	shown := *obj
	shown.ManagedFields = nil
	if _, there := obj.Annotations[lastApplied]; there {
		shown.Annotations = maps.Clone(obj.Annotations)
		delete(shown.Annotations, lastApplied)
	}
	raw, err := shown.MarshalJSON()
	if err != nil {
		return nil
	}
	return raw
}

func decoded(raw []byte) (doc any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&doc) != nil {
		return nil
	}
	return doc
}

func encoded(doc any) []byte {
	if doc == nil {
		return nil
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil
	}
	return raw
}

// auditDocument is the document itself, or its digest when it is large.
func auditDocument(raw []byte) json.RawMessage {
	if len(raw) <= maxAuditDocument {
		return raw
	}
	return fmt.Appendf(nil, `{"sha256":"%x","bytes":%d}`, sha256.Sum256(raw), len(raw))
}

// mask takes secrets out of a document.
type mask struct {
	compare bool // tell which secrets differ from those before
	secret  bool // all below is
}

// value is v, of a schema that may be nil, as it may be shown. It shares parts with v.
func (m mask) value(s *schemas.Schema, v, was any) any {
	m.secret = m.secret || (s != nil && s.Sensitive)
	switch v := v.(type) {
	case map[string]any:
		before, _ := was.(map[string]any)
		shown := make(map[string]any, len(v))
		for name, field := range v {
			shown[name] = m.value(fieldSchema(s, name), field, before[name])
		}
		return shown
	case []any:
		before, _ := was.([]any)
		shown := make([]any, len(v))
		for i, item := range v {
			var old any
			if i < len(before) {
				old = before[i]
			}
			shown[i] = m.value(itemSchema(s), item, old)
		}
		return shown
	}
	switch {
	case !m.secret || v == nil || v == redacted || v == redactedChanged:
		return v
	case m.compare && !reflect.DeepEqual(v, was):
		return redactedChanged
	}
	return redacted
}

func fieldSchema(s *schemas.Schema, name string) *schemas.Schema {
	if s == nil {
		return nil
	}
	if p, ok := s.Properties[name]; ok {
		return p
	}
	return s.AdditionalProperties
}

func itemSchema(s *schemas.Schema) *schemas.Schema {
	if s == nil {
		return nil
	}
	return s.Items
}
