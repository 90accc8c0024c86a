package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/seal"
)

// sealer seals the documents of some kinds on their way into the database, and
// opens them on the way out. Which key seals is said by the database (sealing_keys),
// so that all servers follow a rotation; the keys themselves come from the source.
type sealer struct {
	pool    *pgxpool.Pool
	source  seal.Source // nil: nothing is sealed
	kinds   []string
	log     *slog.Logger
	metrics *metrics

	mu       sync.RWMutex
	ring     seal.Ring
	current  seal.ID
	reloaded time.Time
	lost     map[api.Key]*unreadable
	renewed  bool // there are keys that were not there when something could not be read
}

func newSealer(pool *pgxpool.Pool, config Config, m *metrics) *sealer {
	return &sealer{pool: pool, source: config.Keys, kinds: config.Sealed, log: config.Log, metrics: m}
}

// unreadable is an object whose document does not open.
type unreadable struct {
	key api.Key
	uid string
	at  store.Revision
	err error
}

// Error names the object.
func (u *unreadable) Error() string {
	return fmt.Sprintf("%s %v at revision %d: %v", u.key, api.ErrUnreadable, u.at, u.err)
}

// Unwrap lets errors.Is see what it is, and why.
func (u *unreadable) Unwrap() []error { return []error{api.ErrUnreadable, u.err} }

// remains is what is known of the object without its document: enough to delete it.
func (u *unreadable) remains() *api.Object {
	o := new(api.Object)
	o.APIVersion, o.Kind = typeOfKind(u.key.Kind)
	o.Namespace, o.Name = u.key.Namespace, u.key.Name
	o.UID, o.ResourceVersion = types.UID(u.uid), u.at.String()
	return o
}

// typeOfKind is the apiVersion and kind of a qualified kind; the version is a guess.
func typeOfKind(qualified string) (apiVersion, kind string) {
	kind, group, found := strings.Cut(qualified, ".")
	if !found {
		return "v1", kind
	}
	return group + "/v1", kind
}

// encode is the document of an object as it is stored.
func (s *sealer) encode(o *api.Object) ([]byte, error) {
	data, err := encode(o)
	if err != nil || !s.seals(o.Key().Kind) {
		return data, err
	}
	s.mu.RLock()
	key := s.ring[s.current]
	s.mu.RUnlock()
	s.metrics.sealed.Inc()
	if err := failpoint.Hit("sealing.before"); err != nil {
		return nil, err
	}
	data, err = seal.Seal(key, binding(o.Key(), string(o.UID)), data)
	return data, failpoint.After("sealing.after", err)
}

// seals reports whether a kind is sealed.
func (s *sealer) seals(kind string) bool { return s.source != nil && slices.Contains(s.kinds, kind) }

func binding(key api.Key, uid string) seal.Binding {
	return seal.Binding{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, UID: uid}
}

// decode is the object of a stored document. The error is an *unreadable when the document does not open.
func (s *sealer) decode(ctx context.Context, key api.Key, data []byte, at store.Revision) (*api.Object, error) {
	if _, sealed := seal.Sealed(data); !sealed {
		return decode(data, at)
	}
	b := binding(key, "")
	plain, err := s.open(&b, data)
	if errors.Is(err, seal.ErrNoKey) && s.reload(ctx, reloadTime) == nil {
		plain, err = s.open(&b, data)
	}
	if err != nil {
		return nil, &unreadable{key, b.UID, at, err}
	}
	o, err := decode(plain, at)
	if err == nil && (o.Key() != key || string(o.UID) != b.UID) {
		return nil, &unreadable{key, b.UID, at, seal.ErrTampered}
	}
	return o, err
}

func (s *sealer) open(b *seal.Binding, data []byte) ([]byte, error) {
	s.mu.RLock()
	ring := s.ring
	s.mu.RUnlock()
	s.metrics.opened.Inc()
	return ring.Open(b, data)
}

// miss notes that an object can't be read, and says so once.
func (s *sealer) miss(u *unreadable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.lost = map[api.Key]*unreadable{}
	}
	if s.lost[u.key] == nil {
		s.log.Error("an object can not be read; it is left out of lists until it can, or is deleted",
			"kind", u.key.Kind, "namespace", u.key.Namespace, "name", u.key.Name, "error", u.err)
	}
	s.lost[u.key] = u
	s.metrics.unreadable.Set(float64(len(s.lost)))
}

// relist replaces what is noted by what a look at all objects has found.
func (s *sealer) relist(lost []*unreadable) {
	s.mu.Lock()
	old := s.lost
	s.lost = map[api.Key]*unreadable{}
	for _, u := range lost {
		if o := old[u.key]; o != nil {
			s.lost[u.key] = o
		}
	}
	s.mu.Unlock()
	for _, u := range lost {
		s.miss(u)
	}
	s.metrics.unreadable.Set(float64(len(lost)))
}

// found notes that an object is readable, or gone.
func (s *sealer) found(key api.Key) {
	s.mu.RLock()
	n := len(s.lost)
	s.mu.RUnlock()
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lost, key)
	s.metrics.unreadable.Set(float64(len(s.lost)))
}

// missing is the object of a key when it is there and can't be read; nil else.
func (s *sealer) missing(key api.Key) *unreadable {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lost[key]
}

// check is the error for who wants an object that can't be read.
func (s *sealer) check(key api.Key) error {
	if u := s.missing(key); u != nil {
		return u
	}
	return nil
}
