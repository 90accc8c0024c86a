package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// encodings keeps what objects and events look like on the wire, so that
// one change is encoded once per form however many clients read it. It holds on to at most about two
// budgets of bytes; what was not asked for lately goes first.
//
// The key is the pointer: objects out of the store never change, and an event of
// an object that left a selector differs from the object itself.
type encodings struct {
	budget int

	mu         sync.Mutex
	young, old map[encodingKey]*encoding
	size       int // of young
	made       int // so far
}

type encodingKey struct {
	obj  *api.Object
	look unique.Handle[look] // of few, and as long as a pointer: there are as many keys as objects
}

// look is what an object or its event looks like.
type look struct {
	form  form
	event string // the type of an event; "" for the object alone
}

func keyOf(obj *api.Object, f form, event string) encodingKey {
	return encodingKey{obj, unique.Make(look{f, event})}
}

type encoding struct {
	once sync.Once
	data []byte
	err  error
	size int // of data, under the lock of encodings
}

// get returns the bytes for key, from encode when nobody asked before.
func (e *encodings) get(key encodingKey, encode func() ([]byte, error)) ([]byte, error) {
	entry := e.entry(key)
	entry.once.Do(func() {
		entry.data, entry.err = encode()
		if spare := cap(entry.data) - len(entry.data); spare > len(entry.data)/8 {
			entry.data = bytes.Clone(entry.data) // what is kept is kept for long
		}
		e.grow(entry)
	})
	return entry.data, entry.err
}

func (e *encodings) entry(key encodingKey) *encoding {
	e.mu.Lock()
	defer e.mu.Unlock()
	if entry, ok := e.young[key]; ok {
		return entry
	}
	entry, ok := e.old[key]
	if !ok {
		entry = &encoding{}
	}
	if e.young == nil {
		e.young = map[encodingKey]*encoding{}
	}
	e.young[key] = entry
	e.size += entry.size
	return entry
}

func (e *encodings) grow(entry *encoding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made++
	entry.size = len(entry.data)
	if e.size += entry.size; e.size > e.budget {
		e.young, e.old, e.size = nil, e.young, 0
	}
}

// object is the object by itself in a form: the whole of it or its metadata.
func (s *Server) object(obj *api.Object, f form) ([]byte, error) {
	key := keyOf(obj, form{as: f.as, version: f.version}, "")
	if f.table() {
		return nil, fmt.Errorf("%s: a table has no single object", obj.Key())
	}
	return s.encodings.get(key, func() ([]byte, error) {
		if f.partial() {
			return json.Marshal(metav1.PartialObjectMetadata{
				TypeMeta:   metav1.TypeMeta{Kind: asPartial, APIVersion: "meta.k8s.io/" + f.version},
				ObjectMeta: obj.ObjectMeta,
			})
		}
		return obj.MarshalJSON()
	})
}
