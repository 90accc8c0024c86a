package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

const (
	// SigningKey is the kind that keys are kept as. It is not served.
	SigningKey = "SigningKey." + api.Group
	// KeyGrace is how long a key verifies after the next one took its place. No JWT lasts longer.
	KeyGrace = 24 * time.Hour
	// keyTries is how often the keys are read again when another server made the next one.
	keyTries = 5
)

// signingKey is a key and its place in the order of all.
type signingKey struct {
	number  uint64
	id      string // thumbprint of the public half
	created time.Time
	private *ecdsa.PrivateKey
	object  *api.Object
}

// signingSpec is a key as it is kept.
type signingSpec struct {
	Algorithm string    `json:"algorithm"`
	Private   []byte    `json:"private"` // PKCS #8
	CreatedAt time.Time `json:"createdAt"`
}

// ring has the keys in their order; the last one signs.
type ring []*signingKey

// valid are the keys that verify at a time.
func (r ring) valid(now time.Time) (keys ring) {
	for i, k := range r {
		if i == len(r)-1 || now.Before(r[i+1].created.Add(KeyGrace)) {
			keys = append(keys, k)
		}
	}
	return keys
}

// key is the one of an id that verifies at a time.
func (r ring) key(id string, now time.Time) *signingKey {
	for _, k := range r.valid(now) {
		if k.id == id {
			return k
		}
	}
	return nil
}

// parsedKeys keeps the keys of objects, which never change.
type parsedKeys struct {
	mu   sync.Mutex
	keys map[*api.Object]*signingKey
}

func (p *parsedKeys) of(objects []*api.Object) (ring, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := make(map[*api.Object]*signingKey, len(objects))
	keys := make(ring, 0, len(objects))
	for _, obj := range objects { // by name, which is their order
		k := p.keys[obj]
		if k == nil {
			var err error
			if k, err = parseKey(obj); err != nil {
				return nil, fmt.Errorf("read %s: %w", obj.Key(), err)
			}
		}
		next[obj] = k
		keys = append(keys, k)
	}
	p.keys = next
	return keys, nil
}

func parseKey(obj *api.Object) (*signingKey, error) {
	var spec signingSpec
	if err := json.Unmarshal(obj.Spec, &spec); err != nil {
		return nil, errors.New("its spec can not be read") // and is not to be shown
	}
	private, err := x509.ParsePKCS8PrivateKey(spec.Private)
	key, ok := private.(*ecdsa.PrivateKey)
	if err != nil || !ok || spec.Algorithm != string(jose.ES256) {
		return nil, fmt.Errorf("it is not a key for %s", jose.ES256)
	}
	number, err := strconv.ParseUint(obj.Name, 10, 64)
	if err != nil {
		return nil, errors.New("its name is not a number")
	}
	thumbprint, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	id := base64.RawURLEncoding.EncodeToString(thumbprint)
	return &signingKey{number: number, id: id, created: spec.CreatedAt, private: key, object: obj}, nil
}

// ring reads the keys: as they are now, or as this server last heard of them.
func (s *Service) ring(ctx context.Context, lastHeard bool) (ring, error) {
	list, err := s.Store.List(ctx, SigningKey, store.ListOptions{Any: lastHeard})
	if err != nil {
		return nil, err
	}
	return s.keys.of(list.Items)
}

// signing is the key to sign with now. It makes the first one, and the next when its time has come.
func (s *Service) signing(ctx context.Context) (*signingKey, error) {
	for range keyTries {
		keys, err := s.ring(ctx, false)
		if err != nil {
			return nil, fmt.Errorf("read the signing keys: %w", err)
		}
		if n := len(keys); n > 0 && s.now().Before(keys[n-1].created.Add(s.rotation())) {
			return keys[n-1], nil
		}
		if err := s.addKey(ctx, keys); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("make a signing key: other servers are at it; try again")
}

func (s *Service) rotation() time.Duration {
	if s.RotateEvery <= 0 {
		return DefaultRotation
	}
	return s.RotateEvery
}

// Rotate makes a new key, which signs from now on on every server. The one before verifies for
// KeyGrace more.
func (s *Service) Rotate(ctx context.Context) error {
	keys, err := s.ring(ctx, false)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	return s.addKey(ctx, keys)
}

// addKey makes the key after those that were read, unless another server was first.
func (s *Service) addKey(ctx context.Context, keys ring) error {
	s.creating.Lock()
	defer s.creating.Unlock()
	var number uint64 = 1
	if n := len(keys); n > 0 {
		number = keys[n-1].number + 1
	}
	obj, err := newKey(number, s.now())
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	if _, err := s.Store.Create(ctx, obj, store.By("pnserver")); err != nil && !errors.Is(err, api.ErrExists) {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	return nil
}

func newKey(number uint64, now time.Time) (*api.Object, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(signingSpec{Algorithm: string(jose.ES256), Private: der, CreatedAt: now.UTC()})
	if err != nil {
		return nil, err
	}
	return &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "SigningKey"},
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%020d", number)},
		Spec:       spec,
	}, nil
}

// PublicKeys are the public halves of the keys that verify now, for those who check tokens by themselves.
func (s *Service) PublicKeys(ctx context.Context) (jose.JSONWebKeySet, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	keys, err := s.ring(ctx, false)
	if err != nil {
		return set, err
	}
	for _, k := range keys.valid(s.now()) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return set, nil
}
