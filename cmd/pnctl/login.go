package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/powernode/powernode/cmd/internal/private"
)

// longestInput bounds what is read as a token from standard input.
const longestInput = 64 << 10

type loginOptions struct {
	session   *session
	name      string
	provider  provider
	noBrowser bool
	device    bool
}

func newCmdLogin(s *session) *cobra.Command {
	o := &loginOptions{session: s}
	cmd := &cobra.Command{
		Use:   "login (--issuer-url URL --client-id ID | --token -)",
		Short: "Log in to a server, and keep that in the kubeconfig",
		Long: `Log in to a server, and keep that in the kubeconfig.

With an OpenID Connect provider a browser is opened; without one (--no-browser) the address is
only printed, and with --device a code is to be entered on any other machine. The kubeconfig then
runs "pnctl credential", which renews the login as long as the provider lets it; kubectl can use it
too. With "--token -" a token is read from standard input.

The server is that of --server, or the one that is in use. Tokens are kept in files that only
you can read, beside the kubeconfig. The kubeconfig that a server writes for its administrator is
never changed: the login goes to your own.`,
		Example: `  pnctl login --server https://powernode.example.com --issuer-url https://id.example.com --client-id powernode
  pnctl token create | pnctl login --token -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.login(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "login", "Name of the context and the user in the kubeconfig.")
	f.StringVar(&o.provider.Issuer, "issuer-url", "", "The OpenID Connect provider.")
	f.StringVar(&o.provider.ClientID, "client-id", "", "What the provider knows pnctl as.")
	f.StringVar(&o.provider.CAFile, "issuer-ca", "", "File with the authority (PEM) of the provider's certificate.")
	f.StringSliceVar(&o.provider.Scopes, "scope", []string{"openid", "profile", "email", "groups", "offline_access"}, "What to ask the provider for.")
	f.BoolVar(&o.noBrowser, "no-browser", false, "Print the address instead of opening a browser.")
	f.BoolVar(&o.device, "device", false, "Log in with a code on another machine.")
	return cmd
}

// login changes the kubeconfig once the server knows who it is.
func (o *loginOptions) login(ctx context.Context) error {
	cluster, namespace, err := o.cluster()
	if err != nil {
		return err
	}
	dir, err := o.directory()
	if err != nil {
		return err
	}
	got, err := o.obtain(ctx, dir)
	if err != nil {
		return err
	}
	who, err := whoIs(ctx, cluster, got.bearer)
	if err != nil {
		return fmt.Errorf("the server %s does not take the login: %w", cluster.Server, err)
	}
	if err := private.Write(got.file, got.content); err != nil {
		return err
	}
	if err := o.keep(cluster, got.user, namespace); err != nil {
		return err
	}
	fmt.Fprintf(o.session.Out, "logged in to %s as %s (context %s in %s)\n", cluster.Server, who, o.name, o.path())
	o.tellUnused()
	return nil
}

// cluster is the server to log in to: that of --server, else that which is in use.
func (o *loginOptions) cluster() (*clientcmdapi.Cluster, string, error) {
	if strings.ContainsAny(o.name, "/\\") || o.name == "" || o.name == "." || o.name == ".." {
		return nil, "", fmt.Errorf("--name %q can't be the name of a file", o.name)
	}
	if err := o.session.check(); err != nil {
		return nil, "", err
	}
	loader := o.session.flags.ToRawKubeConfigLoader()
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", err
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, "", err
	}
	namespace, _, err := loader.Namespace()
	return &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, InsecureSkipTLSVerify: config.Insecure, TLSServerName: config.ServerName}, namespace, err
}

// obtained is a login, and what is to be kept of it: in a file, not in the user's entry.
type obtained struct {
	bearer  string
	user    *clientcmdapi.AuthInfo
	file    string
	content []byte
}

// obtain logs in by what the flags say. It keeps nothing yet.
func (o *loginOptions) obtain(ctx context.Context, dir string) (*obtained, error) {
	switch {
	case *o.session.flags.BearerToken == "-":
		return o.fromInput(dir)
	case *o.session.flags.BearerToken != "":
		return nil, errors.New("--token takes - only: a token on a command line can be seen by all users of the machine")
	case o.provider.Issuer == "" || o.provider.ClientID == "":
		return nil, errors.New("name the provider by --issuer-url and --client-id, or give a token by --token -")
	}
	file := filepath.Join(dir, o.name+".json")
	kept, err := o.provider.login(ctx, o)
	if err != nil {
		return nil, err
	}
	content, err := kept.encode()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &obtained{bearer: kept.IDToken, file: file, content: content, user: &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: self, Args: []string{"credential", "--file", file},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode, InstallHint: "it is part of Powernode",
	}}}, nil
}

func (o *loginOptions) fromInput(dir string) (*obtained, error) {
	data, err := io.ReadAll(io.LimitReader(o.session.In, longestInput))
	token := strings.TrimSpace(string(data))
	if err != nil || token == "" || strings.ContainsAny(token, " \n\t") {
		return nil, errors.New("standard input has no token, or more than one")
	}
	file := filepath.Join(dir, o.name+".token")
	return &obtained{bearer: token, file: file, content: []byte(token + "\n"), user: &clientcmdapi.AuthInfo{TokenFile: file}}, nil
}

// whoIs asks the server whose a token is.
func whoIs(ctx context.Context, cluster *clientcmdapi.Cluster, bearer string) (string, error) {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: cluster.Server, BearerToken: bearer, TLSClientConfig: rest.TLSClientConfig{
		CAData: cluster.CertificateAuthorityData, Insecure: cluster.InsecureSkipTLSVerify, ServerName: cluster.TLSServerName,
	}})
	if err != nil {
		return "", err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}

func newCmdLogout(s *session) *cobra.Command {
	o := &loginOptions{session: s}
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget a login: its tokens and its context",
		Long: `Forget a login: its tokens and its context.

A token that was given by --token is still good; to end it for all: pnctl token revoke.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.logout() },
	}
	cmd.Flags().StringVar(&o.name, "name", "login", "Name that the login was given.")
	return cmd
}

func (o *loginOptions) logout() error {
	dir, err := o.directory()
	if err != nil {
		return err
	}
	there := false
	err = changeConfig(o.path(), func(c *clientcmdapi.Config) {
		user := c.AuthInfos[o.name]
		if user == nil || user.TokenFile == "" && user.Exec == nil {
			return // none of ours
		}
		there = true
		delete(c.AuthInfos, o.name)
		delete(c.Clusters, o.name)
		delete(c.Contexts, o.name)
		if c.CurrentContext == o.name {
			c.CurrentContext = ""
		}
	})
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("there is no login %q in %s", o.name, o.path())
	}
	for _, ending := range []string{".json", ".token", ".lock"} {
		if err := os.Remove(filepath.Join(dir, o.name+ending)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintf(o.session.Out, "logged out: %s is forgotten\n", o.name)
	return nil
}
