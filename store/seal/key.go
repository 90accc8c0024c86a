package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Key is a key-encryption key. It never appears in logs and errors.
type Key [32]byte

// ID names a key without telling anything of it.
type ID [8]byte

// ID is the key's name, made from the key itself: the same key has the same name everywhere.
func (k Key) ID() (id ID) {
	sum := sha256.Sum256(append([]byte("powernode key-encryption key\x00"), k[:]...))
	copy(id[:], sum[:])
	return id
}

// String hides the key; it is what %v and %s print.
func (k Key) String() string { return "key " + k.ID().String() }

// GoString hides the key from %#v.
func (k Key) GoString() string { return k.String() }

// String is the id in hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String wrote.
func ParseID(s string) (id ID, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("%q is no key id, which has %d hexadecimal digits", s, 2*len(id))
	}
	copy(id[:], raw)
	return id, nil
}

// NewKey makes a random key.
func NewKey() (k Key) {
	rand.Read(k[:]) // never fails
	return k
}

// parseKeys reads keys in base64, separated by white space or commas; a line that
// begins with # is a comment.
func parseKeys(text string) ([]Key, error) {
	var keys []Key
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
			raw, err := base64.StdEncoding.DecodeString(word)
			if err != nil || len(raw) != len(Key{}) {
				return nil, fmt.Errorf("key %d is not 32 bytes in base64 (make one with: openssl rand -base64 32)", len(keys)+1)
			}
			keys = append(keys, Key(raw))
		}
	}
	return keys, nil
}

func (k Key) encode() string { return base64.StdEncoding.EncodeToString(k[:]) }

// Ring holds keys by their names.
type Ring map[ID]Key

// NewRing is the ring of some keys.
func NewRing(keys ...Key) Ring {
	r := Ring{}
	for _, k := range keys {
		r[k.ID()] = k
	}
	return r
}
