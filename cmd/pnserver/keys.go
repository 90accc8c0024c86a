package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

func keysCommand() *cobra.Command {
	keys := &cobra.Command{Use: "keys", Short: "The keys that the tokens of ServiceAccounts are signed with"}
	var dataDir string
	rotate := &cobra.Command{
		Use:   "rotate",
		Short: "Sign with a new key from now on",
		Long: `Sign with a new key from now on.

The server that runs on the data directory does it, for all servers of its database. Tokens that
the key before has signed are good for 24 hours more at most, as none of them lasts longer.
Keys are also replaced by themselves: see serve --signing-key-rotation.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := rotateKeys(c.Context(), filepath.Join(dataDir, "admin.kubeconfig")); err != nil {
				return fmt.Errorf("rotate the signing keys: %w", err)
			}
			fmt.Fprintln(c.OutOrStdout(), "a new key signs the tokens of ServiceAccounts; the one before is good for 24 hours more")
			return nil
		},
	}
	rotate.Flags().StringVar(&dataDir, "data-dir", defaultDataDir(), "that of the server")
	keys.AddCommand(rotate)
	return keys
}

// rotateKeys asks the server that a kubeconfig names.
func rotateKeys(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.Timeout = 30 * time.Second
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, config.Host+"/openid/v1/jwks", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16)) // what came is enough
	var status metav1.Status
	if yaml.Unmarshal(body, &status) != nil || status.Message == "" {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	return fmt.Errorf("the server answered: %s", status.Message)
}
