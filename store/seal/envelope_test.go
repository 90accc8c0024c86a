package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/store/seal"
)

var place = seal.Binding{Kind: "Secret", Namespace: "default", Name: "db", UID: "0f7a4ae6"}

func sealed(t interface{ Fatal(...any) }, key seal.Key, b seal.Binding, text string) []byte {
	data, err := seal.Seal(key, b, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unbound is where a document was found: the uid comes out of the envelope.
func unbound() *seal.Binding {
	return &seal.Binding{Kind: place.Kind, Namespace: place.Namespace, Name: place.Name}
}

func TestWhatIsSealedOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		b := seal.Binding{Kind: rapid.String().Draw(t, "kind"), Namespace: rapid.String().Draw(t, "ns"),
			Name: rapid.String().Draw(t, "name"), UID: rapid.StringN(0, 60, 255).Draw(t, "uid")}
		key := seal.NewKey()
		data := sealed(t, key, b, text)
		by, is := seal.Sealed(data)
		found := seal.Binding{Kind: b.Kind, Namespace: b.Namespace, Name: b.Name}
		plain, err := seal.NewRing(seal.NewKey(), key).Open(&found, data)
		if err != nil || string(plain) != text || found.UID != b.UID || !is || by != key.ID() {
			t.Fatalf("%q, %v, by %s", plain, err, by)
		}
		to := seal.NewKey()
		moved, err := seal.NewRing(key).Rewrap(to, b, data)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = seal.NewRing(to).Open(&found, moved); err != nil || string(plain) != text {
			t.Fatalf("wrapped anew: %q, %v", plain, err)
		}
		if _, err = seal.NewRing(key).Open(&found, moved); !errors.Is(err, seal.ErrNoKey) {
			t.Fatalf("opened by the former key: %v", err)
		}
	})
}

// Whatever bit is changed, and wherever an envelope is cut, it does not open.
func TestNoChangeGoesUnnoticed(t *testing.T) {
	key := seal.NewKey()
	ring := seal.NewRing(key)
	whole := sealed(t, key, place, `{"a":1}`)
	for i := range len(whole) * 8 {
		data := bytes.Clone(whole)
		data[i/8] ^= 1 << (i % 8)
		if _, err := ring.Open(unbound(), data); !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrNoKey) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
	for n := range whole {
		if _, err := ring.Open(unbound(), whole[:n]); !errors.Is(err, seal.ErrTampered) && !errors.Is(err, seal.ErrNoKey) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestADocumentOpensInItsPlaceOnly(t *testing.T) {
	key := seal.NewKey()
	data := sealed(t, key, place, `{"a":1}`)
	for name, b := range map[string]seal.Binding{
		"kind":      {Kind: "ConfigMap", Namespace: "default", Name: "db"},
		"namespace": {Kind: "Secret", Namespace: "other", Name: "db"},
		"name":      {Kind: "Secret", Namespace: "default", Name: "db2"},
		"cut":       {Kind: "Secret", Namespace: "defaultdb", Name: ""},
	} {
		if _, err := seal.NewRing(key).Open(&b, data); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("another %s: %v", name, err)
		}
		if _, err := seal.NewRing(key).Rewrap(seal.NewKey(), b, data); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("wrapped anew with another %s: %v", name, err)
		}
	}
}

// Each document has a key of its own: the same text is never the same twice.
func TestNothingRepeats(t *testing.T) {
	key := seal.NewKey()
	nobody := seal.Binding{}
	a, b := sealed(t, key, nobody, "the same text"), sealed(t, key, nobody, "the same text")
	for n := 9; n+8 <= len(a); n++ { // behind the name of the key
		if bytes.Contains(b, a[n:n+8]) {
			t.Fatalf("bytes %d to %d are in both", n, n+8)
		}
	}
	if bytes.Contains(a, []byte("same")) {
		t.Fatal("the text is readable")
	}
}

func TestAKeyIsNeverPrinted(t *testing.T) {
	key := seal.NewKey()
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q", key, key, key, key, key), fmt.Sprintf("%v", seal.NewRing(key))} {
		if strings.Contains(text, fmt.Sprint([32]byte(key))) || strings.Contains(text, fmt.Sprintf("%x", key[:8])) {
			t.Errorf("printed as %s", text)
		}
	}
}
