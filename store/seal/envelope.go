package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// Binding is the object that a document belongs to.
type Binding struct {
	Kind, Namespace, Name string
	UID                   string // at most 255 bytes
}

// The errors of opening. Neither tells anything of the contents.
var (
	// ErrNoKey: the key that wrapped the data key is not in the ring.
	ErrNoKey = errors.New("the key it was sealed with is not there")
	// ErrTampered: the document was changed, or is that of another object.
	ErrTampered = errors.New("it does not open: it was changed, or put here from another object")
)

// version begins every envelope; a document in JSON can't begin with it.
const version = 1

const (
	nonceSize = 12
	tagSize   = 16
	// wrapSize is a wrapped data key: nonce, key, tag.
	wrapSize = nonceSize + 32 + tagSize
	// headSize is what comes before the uid: version, key id, wrapped data key, length of the uid.
	headSize = 1 + len(ID{}) + wrapSize + 1
)

// Sealed reports whether data are an envelope, and by which key it is sealed.
func Sealed(data []byte) (by ID, sealed bool) {
	if len(data) < headSize || data[0] != version {
		return by, len(data) > 0 && data[0] == version
	}
	copy(by[:], data[1:])
	return by, true
}

// Seal encrypts a document by a fresh data key that is wrapped by key.
func Seal(key Key, b Binding, document []byte) ([]byte, error) {
	if len(b.UID) > 255 {
		return nil, fmt.Errorf("the uid has %d bytes, at most 255 can be bound", len(b.UID))
	}
	data := NewKey()
	id := key.ID()
	out := make([]byte, 0, headSize+len(b.UID)+nonceSize+len(document)+tagSize)
	out = append(append(out, version), id[:]...)
	out = encrypt(out, key, data[:], b.bytes("data key", id))
	out = append(append(out, byte(len(b.UID))), b.UID...)
	return encrypt(out, data, document, b.bytes("document", ID{})), nil
}

// Open is the way back from Seal. The binding's UID comes out of the envelope, where it
// is proven like the rest.
func (r Ring) Open(b *Binding, sealed []byte) ([]byte, error) {
	data, rest, err := r.unwrap(b, sealed)
	if err != nil {
		return nil, err
	}
	return decrypt(data, rest, b.bytes("document", ID{}))
}

// Rewrap wraps the data key of a document by another key.
func (r Ring) Rewrap(to Key, b Binding, sealed []byte) ([]byte, error) {
	data, _, err := r.unwrap(&b, sealed)
	if err != nil {
		return nil, err
	}
	id := to.ID()
	out := make([]byte, 0, len(sealed))
	out = append(append(out, version), id[:]...)
	out = encrypt(out, to, data[:], b.bytes("data key", id))
	return append(out, sealed[headSize-1:]...), nil
}

// unwrap is the data key of an envelope, and what it encrypts.
func (r Ring) unwrap(b *Binding, sealed []byte) (data Key, rest []byte, err error) {
	by, _ := Sealed(sealed)
	if len(sealed) < headSize || len(sealed) < headSize+int(sealed[headSize-1]) {
		return data, nil, ErrTampered
	}
	key, found := r[by]
	if !found {
		return data, nil, fmt.Errorf("%w (key %s)", ErrNoKey, by)
	}
	end := headSize + int(sealed[headSize-1])
	b.UID = string(sealed[headSize:end])
	raw, err := decrypt(key, sealed[1+len(by):headSize-1], b.bytes("data key", by))
	if err != nil || len(raw) != len(data) {
		return data, nil, ErrTampered
	}
	return Key(raw), sealed[end:], nil
}

// bytes are what a ciphertext is bound to; each part has its length before it.
func (b Binding) bytes(use string, by ID) []byte {
	out := append([]byte{version}, by[:]...)
	for _, part := range []string{use, b.Kind, b.Namespace, b.Name, b.UID} {
		out = append(fmt.Appendf(out, "%d:", len(part)), part...)
	}
	return out
}

// encrypt appends nonce and ciphertext to out.
func encrypt(out []byte, key Key, plain, bound []byte) []byte {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails
	return aead(key).Seal(append(out, nonce...), nonce, plain, bound)
}

func decrypt(key Key, data, bound []byte) ([]byte, error) {
	if len(data) < nonceSize+tagSize {
		return nil, ErrTampered
	}
	plain, err := aead(key).Open(nil, data[:nonceSize], data[nonceSize:], bound)
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

func aead(key Key) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the length of a Key is right
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // so is the block size of AES
	}
	return a
}
