package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiduration "k8s.io/apimachinery/pkg/util/duration"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// tokens is the resource of Token objects, which are in no namespace.
const tokens = "tokens"

func newCmdToken(f cmdutil.Factory, s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke tokens that let somebody in",
		Long: `Make, list and revoke tokens that let somebody in.

A token is shown once, when it is made: the server keeps only its hash.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCmdTokenCreate(f, s), newCmdTokenList(f, s), newCmdTokenRevoke(f, s))
	return cmd
}

// clusterClient asks for objects that are in no namespace.
func clusterClient(f cmdutil.Factory) (*client, error) {
	c, err := newClient(f)
	if err != nil {
		return nil, err
	}
	return &client{rest: c.rest}, nil
}

type tokenOptions struct {
	spec v1.TokenSpec
	ttl  time.Duration
}

func newCmdTokenCreate(f cmdutil.Factory, s *session) *cobra.Command {
	o := &tokenOptions{}
	cmd := &cobra.Command{
		Use:   "create [NAME] [--for-user USER] [--group GROUP]... [--ttl DURATION]",
		Short: "Make a token and print it, alone, on standard output",
		Long: `Make a token and print it, alone, on standard output.

It lets in whoever makes it, with the same groups, unless --for-user or --group says otherwise;
for somebody else you need the right to impersonate him. It lasts 30 days, or --ttl.

The groups are those of the moment in which the token is made, and it keeps them until it ends: to take
somebody out of a group, revoke his tokens too. What a group may do can change at any time.`,
		Example: `  pnctl token create ci --ttl 24h > ci.token
  pnctl token create --for-user jane --group dev --description "Jane's laptop"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := clusterClient(f)
			if err != nil {
				return err
			}
			return o.create(cmd.Context(), c, args, s.Out, s.ErrOut)
		},
	}
	cmd.Flags().StringVar(&o.spec.User, "for-user", "", "Who the bearer is; by default whoever makes the token.")
	cmd.Flags().StringArrayVar(&o.spec.Groups, "group", nil, "A group that the bearer is in; may be repeated.")
	cmd.Flags().DurationVar(&o.ttl, "ttl", 0, "How long it lasts: 90m, 720h; a year at most.")
	cmd.Flags().StringVar(&o.spec.Description, "description", "", "What it is for.")
	return cmd
}

func (o *tokenOptions) create(ctx context.Context, c *client, args []string, out, note io.Writer) error {
	if o.ttl < 0 || o.ttl > 0 && o.ttl < time.Minute {
		return fmt.Errorf("--ttl %s: a token lasts a minute at least", o.ttl)
	}
	o.spec.TTLSeconds = int64(o.ttl / time.Second)
	spec, err := json.Marshal(o.spec)
	if err != nil {
		return err
	}
	obj := &api.Object{TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "Token"}, ObjectMeta: metav1.ObjectMeta{GenerateName: "token-"}, Spec: spec}
	if len(args) == 1 {
		obj.ObjectMeta = metav1.ObjectMeta{Name: args[0]}
	}
	created, err := c.create(ctx, tokens, obj)
	if err != nil {
		return err
	}
	var status v1.TokenStatus
	if err := json.Unmarshal(created.Status, &status); err != nil || status.Token == "" {
		return fmt.Errorf("the server's answer has no token")
	}
	fmt.Fprintf(note, "%s was made; it is shown this once. To end it: pnctl token revoke %s\n", tokens+"/"+created.Name, created.Name)
	_, err = fmt.Fprintln(out, status.Token)
	return err
}

func newCmdTokenList(f cmdutil.Factory, s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List tokens: whom they let in and when they end",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := clusterClient(f)
			if err != nil {
				return err
			}
			found, err := c.list(cmd.Context(), tokens)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				fmt.Fprintln(s.ErrOut, "there are no tokens")
				return nil
			}
			return printTokens(s.Out, found, time.Now())
		},
	}
}

// list reads all objects of a resource.
func (c *client) list(ctx context.Context, resource string) ([]*api.Object, error) {
	raw, err := c.rest.Get().NamespaceIfScoped(c.namespace, c.namespace != "").Resource(resource).DoRaw(ctx)
	if err != nil {
		return nil, withStatus(raw, err)
	}
	var list struct {
		Items []*api.Object `json:"items"`
	}
	err = json.Unmarshal(raw, &list)
	return list.Items, err
}

func printTokens(out io.Writer, found []*api.Object, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tUSER\tGROUPS\tEXPIRES\tDESCRIPTION")
	for _, obj := range found {
		var spec v1.TokenSpec
		if err := json.Unmarshal(obj.Spec, &spec); err != nil {
			return fmt.Errorf("read token %s: %w", obj.Name, err)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", obj.Name, spec.User, orNone(strings.Join(spec.Groups, ",")), expiry(spec.ExpiresAt, now), spec.Description)
	}
	return w.Flush()
}

func expiry(at *metav1.Time, now time.Time) string {
	switch {
	case at == nil:
		return "<unknown>"
	case !now.Before(at.Time):
		return "expired"
	}
	return "in " + apiduration.HumanDuration(at.Sub(now))
}

func newCmdTokenRevoke(f cmdutil.Factory, s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME...",
		Short: "Revoke tokens: they are refused from now on",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := clusterClient(f)
			if err != nil {
				return err
			}
			for _, name := range args {
				if strings.Contains(name, "_") { // no name has that letter: a secret was pasted
					return fmt.Errorf("a token is revoked by its name, which stands between the first two _ of it: see pnctl token list")
				}
				raw, err := c.rest.Delete().Resource(tokens).Name(name).DoRaw(cmd.Context())
				if err := withStatus(raw, err); err != nil {
					return err
				}
				fmt.Fprintf(s.Out, "%s/%s revoked\n", tokens, name)
			}
			return nil
		},
	}
}
