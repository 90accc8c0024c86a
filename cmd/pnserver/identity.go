package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/store"
)

// identityOptions are the flags that say whose tokens are taken.
type identityOptions struct {
	issuer    string
	audiences []string
	rotate    time.Duration

	oidc           *identity.OIDC // without an issuer there is none
	oidcCA         string
	usernamePrefix string
}

func (o *identityOptions) addFlags(f *pflag.FlagSet) {
	o.oidc = &identity.OIDC{}
	f.StringVar(&o.issuer, "service-account-issuer", identity.DefaultIssuer, "who signs the tokens of ServiceAccounts (https://...); the same on all servers of a database")
	f.StringSliceVar(&o.audiences, "api-audiences", nil, "what a ServiceAccount's token for this API is for (default: the issuer)")
	f.DurationVar(&o.rotate, "signing-key-rotation", identity.DefaultRotation, "how long a key signs the tokens of ServiceAccounts before the next one does")
	f.StringVar(&o.oidc.Issuer, "oidc-issuer-url", "", "OpenID Connect provider (https://...) whose id tokens are taken")
	f.StringVar(&o.oidc.ClientID, "oidc-client-id", "", "client that an id token must be for")
	f.StringVar(&o.oidcCA, "oidc-ca-file", "", "file with the authority (PEM) of the provider's certificate (default: the system's)")
	f.StringVar(&o.oidc.UsernameClaim, "oidc-username-claim", "sub", "claim that is the user's name")
	f.StringVar(&o.usernamePrefix, "oidc-username-prefix", "", "what is put before the name; - for nothing (default: the issuer and #, nothing where the claim is email)")
	f.StringVar(&o.oidc.GroupsClaim, "oidc-groups-claim", "", "claim that has the user's groups, a name or a list")
	f.StringVar(&o.oidc.GroupsPrefix, "oidc-groups-prefix", "", "what is put before each group")
	f.StringToStringVar(&o.oidc.Required, "oidc-required-claim", nil, "name=value of a claim that an id token must have; may be repeated")
}

func (o *identityOptions) check() error {
	if o.rotate < time.Hour {
		return fmt.Errorf("--signing-key-rotation %s: a key signs for an hour at least", o.rotate)
	}
	if o.oidc.Issuer == "" {
		if o.oidc.ClientID != "" {
			return fmt.Errorf("--oidc-client-id: name the provider by --oidc-issuer-url")
		}
		return nil
	}
	switch o.usernamePrefix {
	case "":
		o.oidc.UsernamePrefix = identity.DefaultUsernamePrefix(o.oidc.Issuer, o.oidc.UsernameClaim)
	case "-":
	default:
		o.oidc.UsernamePrefix = o.usernamePrefix
	}
	if o.oidcCA != "" {
		var err error
		if o.oidc.CA, err = os.ReadFile(o.oidcCA); err != nil {
			return fmt.Errorf("--oidc-ca-file: %w", err)
		}
	}
	if err := o.oidc.Check(); err != nil {
		return fmt.Errorf("--oidc-issuer-url, --oidc-client-id, --oidc-ca-file: %w", err)
	}
	return nil
}

// service tells who calls: by the tokens of the data directory, then by what the flags say.
func (o *identityOptions) service(objects store.Store, a *access, log *slog.Logger) *identity.Service {
	s := &identity.Service{Store: objects, Bootstrap: a.authenticate, Issuer: o.issuer, Audiences: o.audiences, RotateEvery: o.rotate, Log: log}
	if o.oidc.Issuer != "" {
		s.OIDC = o.oidc
	}
	return s
}
