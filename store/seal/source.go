package seal

import (
	"context"
	"fmt"
	"os"
)

// Source is where key-encryption keys are kept. Its methods may be called at the same time.
type Source interface {
	// String is the place, for messages: "the file /var/lib/powernode/encryption.key".
	String() string
	// Keys are all keys there are now, the newest last; none is no error. wrapped are those that
	// New gave to the database to keep, which not every source does.
	Keys(ctx context.Context, wrapped [][]byte) ([]Key, error)
	// New makes a key that Keys knows from now on. When wrapped is not nil the database keeps it.
	New(ctx context.Context) (key Key, wrapped []byte, err error)
	// Drop forgets a key that nothing is sealed with any more.
	Drop(ctx context.Context, id ID) error
}

// Env is a Source that reads an environment variable: keys in base64, separated by commas.
type Env struct{ Name string }

var _ Source = Env{}

// String implements Source.
func (e Env) String() string { return "the environment variable " + e.Name }

// Keys implements Source.
func (e Env) Keys(context.Context, [][]byte) ([]Key, error) {
	keys, err := parseKeys(os.Getenv(e.Name))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", e, err)
	}
	return keys, nil
}

// New implements Source: nobody can add to the environment but who sets it.
func (e Env) New(context.Context) (Key, []byte, error) {
	return Key{}, nil, fmt.Errorf("%v has no key that is not in use: add one behind the others, after a comma, for all servers, and start them again", e)
}

// Drop implements Source.
func (e Env) Drop(_ context.Context, id ID) error {
	keys, err := e.Keys(context.Background(), nil)
	if err != nil {
		return err
	}
	if _, there := NewRing(keys...)[id]; there {
		return fmt.Errorf("%v: take key %s out yourself; nothing is sealed with it any more", e, id)
	}
	return nil
}
