package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/powernode/powernode/store/seal"
)

// keyVariable is the environment variable with the keys that secrets are sealed with.
const keyVariable = "POWERNODE_ENCRYPTION_KEY"

// sealedKinds are encrypted before they reach the database.
func sealedKinds() []string { return []string{"Secret", "SigningKey.powernode.io"} }

// sealingOptions say where the keys are that secrets are sealed with.
type sealingOptions struct {
	file       string
	transit    string
	mount      string
	vaultToken string
}

func (o *sealingOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.file, "encryption-key-file", "", "file with the keys that secrets are encrypted with in the database; made at the first start (default $"+keyVariable+", else <data-dir>/encryption.key)")
	f.StringVar(&o.transit, "vault-transit-key", "", "key of Vault's transit engine that wraps them instead; Vault is found by VAULT_ADDR and VAULT_TOKEN, as its own tools do")
	f.StringVar(&o.mount, "vault-transit-mount", "transit", "where Vault's transit engine is mounted")
	f.StringVar(&o.vaultToken, "vault-token-file", "", "file with Vault's token, read at each use (default $VAULT_TOKEN)")
}

// source is where the keys are.
func (o *sealingOptions) source(dataDir string) (seal.Source, error) {
	switch {
	case o.transit != "" && o.file != "":
		return nil, errors.New("--vault-transit-key and --encryption-key-file exclude each other")
	case o.transit != "":
		v := &seal.Vault{Mount: o.mount, Name: o.transit, TokenFile: o.vaultToken}
		return v, v.Connect()
	case o.file != "":
		return &seal.File{Path: o.file}, nil
	case os.Getenv(keyVariable) != "":
		return seal.Env{Name: keyVariable}, nil
	}
	return &seal.File{Path: filepath.Join(dataDir, "encryption.key")}, nil
}
