package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Target says how an engine is reached.
type Target struct {
	Endpoint   string // unix:///path, tcp://host:port
	APIVersion string // negotiated when empty
	TLS        *TLS
}

// TLS secures a connection over TCP. The contents are PEM; CA empty is the
// system's roots, Cert and Key empty is no client certificate.
type TLS struct {
	CA, Cert, Key []byte
	Verify        bool
}

// The keys of the Secret that a DockerHost's tls.secretRef names.
const (
	SecretCA   = "ca.crt"
	SecretCert = "tls.crt"
	SecretKey  = "tls.key"
)

// TargetOf reads how the engine of a DockerHost is reached, its TLS material
// included. api.ErrNotFound when the Secret is not there.
func TargetOf(ctx context.Context, objects api.Getter, host *api.Object) (Target, error) {
	var spec v1.DockerHostSpec
	if err := json.Unmarshal(host.Spec, &spec); err != nil {
		return Target{}, fmt.Errorf("%s: spec: %w", host.Key(), err)
	}
	return TargetOfSpec(ctx, objects, host.Namespace, spec)
}

// TargetOfSpec is TargetOf for a spec in the given namespace.
func TargetOfSpec(ctx context.Context, objects api.Getter, namespace string, spec v1.DockerHostSpec) (Target, error) {
	target := Target{Endpoint: spec.Endpoint, APIVersion: spec.APIVersion}
	if spec.TLS == nil {
		return target, nil
	}
	target.TLS = &TLS{Verify: spec.TLS.Verify == nil || *spec.TLS.Verify}
	if spec.TLS.SecretRef == nil {
		return target, nil
	}
	key := api.Key{Kind: v1.Secret, Namespace: namespace, Name: spec.TLS.SecretRef.Name}
	secret, err := objects.Get(ctx, key)
	if err != nil {
		return Target{}, fmt.Errorf("spec.tls.secretRef: %w", err)
	}
	var data map[string][]byte
	if raw := secret.Rest["data"]; len(raw) > 0 {
		if err := json.Unmarshal(raw, &data); err != nil {
			return Target{}, fmt.Errorf("spec.tls.secretRef: %s: data is not base64", key)
		}
	}
	target.TLS.CA, target.TLS.Cert, target.TLS.Key = data[SecretCA], data[SecretCert], data[SecretKey]
	return target, nil
}

// fingerprint tells targets apart without showing what they hold.
func (t Target) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", t.Endpoint, t.APIVersion)
	if t.TLS != nil {
		fmt.Fprintf(h, " %q %q %q %t", t.TLS.CA, t.TLS.Cert, t.TLS.Key, t.TLS.Verify)
	}
	return hex.EncodeToString(h.Sum(nil))
}
