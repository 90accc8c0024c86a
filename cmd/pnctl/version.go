package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	apiversion "k8s.io/apimachinery/pkg/version"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/yaml"
)

// clientVersion says what this pnctl was built from.
type clientVersion struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Kubectl  string `json:"kubectl"` // of the embedded commands
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ownVersion reads the binary's build information.
func ownVersion() clientVersion {
	v := clientVersion{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	for _, module := range info.Deps {
		if module.Path == "k8s.io/kubectl" {
			v.Kubectl = module.Version
		}
	}
	return v
}

// versions is the document of `pnctl version -o json`.
type versions struct {
	Client clientVersion    `json:"client"`
	Server *apiversion.Info `json:"server,omitempty"`
}

func newCmdVersion(f cmdutil.Factory, out io.Writer) *cobra.Command {
	var clientOnly bool
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of pnctl and of the server",
		Example: "  # Both\n  pnctl version\n\n  # pnctl alone, without asking a server\n  pnctl version --client",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versions{Client: ownVersion()}
			var err error
			if !clientOnly {
				v.Server, err = serverVersion(f)
			}
			if printed := printVersions(out, v, output); printed != nil {
				return printed
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "If true, shows the version of pnctl only (no server required).")
	cmd.Flags().StringVarP(&output, "output", "o", "", "One of 'yaml' or 'json'.")
	return cmd
}

func serverVersion(f cmdutil.Factory) (*apiversion.Info, error) {
	client, err := f.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	client.Invalidate() // what a cache remembers is not what the server says
	return client.ServerVersion()
}

func printVersions(out io.Writer, v versions, output string) error {
	switch output {
	case "json":
		raw, err := json.MarshalIndent(v, "", "  ")
		fmt.Fprintf(out, "%s\n", raw)
		return err
	case "yaml":
		raw, err := yaml.Marshal(v)
		fmt.Fprintf(out, "%s", raw)
		return err
	case "":
		fmt.Fprintf(out, "Client: pnctl %s (kubectl %s, %s, %s)\n", v.Client.Version, v.Client.Kubectl, v.Client.Go, v.Client.Platform)
		if v.Server != nil {
			fmt.Fprintf(out, "Server: %s (%s, %s)\n", v.Server.GitVersion, v.Server.GoVersion, v.Server.Platform)
		}
		return nil
	}
	return fmt.Errorf("--output: %q is not one of yaml, json", output)
}
