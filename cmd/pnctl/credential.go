package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/spf13/cobra"
	"golang.org/x/oauth2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientauthentication "k8s.io/client-go/pkg/apis/clientauthentication/v1"

	"github.com/powernode/powernode/cmd/internal/private"
)

// renewBefore is how long before its end an id token is renewed.
const renewBefore = time.Minute

// kept is a login, as it is in a file that only its owner can read.
type kept struct {
	provider
	IDToken      string    `json:"idToken"`
	RefreshToken string    `json:"refreshToken,omitempty"`
	Expires      time.Time `json:"expires"`
}

// take checks what the provider gave and keeps it; nonce is "" where there was none.
func (k *kept) take(ctx context.Context, found *oidc.Provider, token *oauth2.Token, nonce string) error {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return errors.New("the provider gave no id token: ask for the scope openid")
	}
	id, err := found.Verifier(&oidc.Config{ClientID: k.ClientID}).Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("the provider's id token is not good: %w", err)
	}
	if nonce != "" && id.Nonce != nonce {
		return errors.New("the provider's id token belongs to another login")
	}
	k.IDToken, k.Expires = raw, id.Expiry
	if token.RefreshToken != "" {
		k.RefreshToken = token.RefreshToken
	}
	return nil
}

func (k *kept) encode() ([]byte, error) {
	data, err := json.Marshal(k)
	return append(data, '\n'), err
}

func (k *kept) write(path string) error {
	data, err := k.encode()
	if err != nil {
		return err
	}
	return private.Write(path, data)
}

func readKept(path string) (*kept, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k := &kept{}
	if err := json.Unmarshal(data, k); err != nil {
		return nil, fmt.Errorf("%s holds no login", path)
	}
	return k, nil
}

// renewed is the login of a file, renewed when it is about to end. Whoever asks at the same time
// waits: a provider may take a refresh token once only.
func renewed(ctx context.Context, path string, now time.Time) (*kept, error) {
	unlock, err := lockFile(strings.TrimSuffix(path, ".json") + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err := readKept(path)
	if err != nil || now.Add(renewBefore).Before(k.Expires) {
		return k, err
	}
	if k.RefreshToken == "" {
		return nil, errors.New("the login has ended, and the provider gave nothing to renew it with: pnctl login")
	}
	ctx, found, config, err := k.discover(ctx)
	if err != nil {
		return nil, err
	}
	token, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: k.RefreshToken}).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode != "" {
		return nil, fmt.Errorf("the provider does not renew the login (%s): pnctl login", refused.ErrorCode)
	}
	if err != nil {
		return nil, errors.New("the provider did not renew the login: try again, or pnctl login")
	}
	if err := k.take(ctx, found, token, ""); err != nil {
		return nil, err
	}
	return k, k.write(path)
}

func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// newCmdCredential is what a kubeconfig runs; pnctl and kubectl read its standard output.
func newCmdCredential(s *session) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "credential --file FILE", Short: "Print a login for kubectl, renewed when it is about to end", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := renewed(cmd.Context(), file, time.Now())
			if err != nil {
				return err
			}
			expires := metav1.NewTime(k.Expires.Add(-renewBefore))
			return json.NewEncoder(s.Out).Encode(clientauthentication.ExecCredential{
				TypeMeta: metav1.TypeMeta{APIVersion: clientauthentication.SchemeGroupVersion.String(), Kind: "ExecCredential"},
				Status:   &clientauthentication.ExecCredentialStatus{Token: k.IDToken, ExpirationTimestamp: &expires},
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "Where the login is kept.")
	return cmd
}
