package seal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	vault "github.com/hashicorp/vault/api"
)

// Vault is a Source whose keys the database keeps, wrapped by a key of Vault's
// transit engine. Vault is asked at the start and when the key changes, not for each document.
type Vault struct {
	// Mount is where the transit engine is, "transit" when empty; Name is the key's there.
	Mount, Name string
	// TokenFile, when set, is read for each call, so that its token may change.
	TokenFile string
	client    *vault.Client
}

var _ Source = (*Vault)(nil)

// Connect prepares the client by the environment that Vault's own tools know (VAULT_ADDR,
// VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE, ...); nothing is sent yet.
func (v *Vault) Connect() error {
	if v.Mount == "" {
		v.Mount = "transit"
	}
	client, err := vault.NewClient(vault.DefaultConfig())
	if err != nil {
		return fmt.Errorf("%v: %w", v, err)
	}
	v.client = client
	return nil
}

// String implements Source.
func (v *Vault) String() string { return fmt.Sprintf("Vault's key %s/%s", v.Mount, v.Name) }

// Keys implements Source.
func (v *Vault) Keys(ctx context.Context, wrapped [][]byte) ([]Key, error) {
	var keys []Key
	for _, w := range wrapped {
		text, err := v.call(ctx, "decrypt", "ciphertext", string(w), "plaintext")
		if err != nil {
			return nil, err
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != len(Key{}) {
			return nil, fmt.Errorf("%v: what it unwrapped is no key of 32 bytes", v)
		}
		keys = append(keys, Key(raw))
	}
	return keys, nil
}

// New implements Source.
func (v *Vault) New(ctx context.Context) (Key, []byte, error) {
	key := NewKey()
	wrapped, err := v.call(ctx, "encrypt", "plaintext", key.encode(), "ciphertext")
	if err != nil {
		return Key{}, nil, err
	}
	if !strings.HasPrefix(wrapped, "vault:") {
		return Key{}, nil, fmt.Errorf("%v: what it wrapped has no prefix vault:, so it is not Vault's", v)
	}
	return key, []byte(wrapped), nil
}

// Drop implements Source: the database forgets what was wrapped.
func (v *Vault) Drop(context.Context, ID) error { return nil }

// call writes one field to the key's path of an operation and returns one field of the answer.
func (v *Vault) call(ctx context.Context, operation, field, value, answer string) (string, error) {
	if v.TokenFile != "" {
		token, err := os.ReadFile(v.TokenFile)
		if err != nil {
			return "", fmt.Errorf("%v: token: %w", v, err)
		}
		v.client.SetToken(strings.TrimSpace(string(token)))
	}
	path := v.Mount + "/" + operation + "/" + v.Name
	secret, err := v.client.Logical().WriteWithContext(ctx, path, map[string]any{field: value})
	if err != nil {
		return "", fmt.Errorf("%v: %s: %w", v, operation, plain(err))
	}
	if secret != nil {
		if text, ok := secret.Data[answer].(string); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("%v: the answer to %s has no %s", v, operation, answer)
}

// plain is an error of Vault on one line, without the request that it answers.
func plain(err error) error {
	var answered *vault.ResponseError
	if errors.As(err, &answered) {
		return fmt.Errorf("status %d: %s", answered.StatusCode, strings.Join(answered.Errors, "; "))
	}
	return err
}
