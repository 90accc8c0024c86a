package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// A session is one invocation of pnctl: its streams, how it reaches the server,
// and what it saw of the server, for the words of an error.
type session struct {
	genericiooptions.IOStreams
	config  search
	flags   *genericclioptions.ConfigFlags
	witness *witness
}

func newSession(config search, streams genericiooptions.IOStreams) *session {
	s := &session{IOStreams: streams, config: config, witness: &witness{}}
	s.flags = genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(300).WithDiscoveryQPS(50).
		WithWarningPrinter(streams).WithWrapConfigFn(s.wrap)
	return s
}

// wrap completes every client's configuration.
func (s *session) wrap(c *rest.Config) *rest.Config {
	c.UserAgent = "pnctl/" + ownVersion().Version
	s.withToken(c)
	c.WarningHandler = rest.NewWarningWriter(s.ErrOut, rest.WarningWriterOptions{
		Deduplicate: true, Color: printers.AllowsColorOutput(s.ErrOut)})
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return s.witness.watch(next) })
	return c
}

// factory is what kubectl's commands get their clients from.
func (s *session) factory() cmdutil.Factory { return cmdutil.NewFactory(getter{s.flags, s}) }

// configuration says which kubeconfig is in use, for people.
func (s *session) configuration() string {
	if *s.flags.KubeConfig != "" {
		return *s.flags.KubeConfig + " (from --kubeconfig)"
	}
	if s.config.Found == nil {
		return "none"
	}
	return s.config.Found.String()
}

// check refuses to go on to kubectl's own default, localhost:8080, when nothing
// names a server.
func (s *session) check() error {
	switch {
	case *s.flags.APIServer != "":
		return nil
	case *s.flags.KubeConfig != "" && !fileExists(*s.flags.KubeConfig):
		return fmt.Errorf("the kubeconfig %s does not exist", s.configuration())
	case *s.flags.KubeConfig != "":
	case s.config.Found == nil:
		return noConfig(s.config)
	case s.config.Found.Named && !anyExists(s.config.Found.Paths):
		return fmt.Errorf("the kubeconfig %s does not exist", s.configuration())
	}
	raw, err := s.flags.ToRawKubeConfigLoader().RawConfig()
	if err == nil && len(raw.Clusters) == 0 {
		return fmt.Errorf("the kubeconfig %s names no cluster", s.configuration())
	}
	return err
}

func noConfig(looked search) error {
	lines := []string{"no server is configured. " + howToStart, "looked for a kubeconfig at:"}
	for _, p := range looked.Looked {
		lines = append(lines, "  "+p.String())
	}
	lines = append(lines, "or name one with --kubeconfig, PNCTL_CONFIG or KUBECONFIG")
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

const howToStart = "Start one with `pnserver serve`, or with `make run` in a checkout"

func anyExists(paths []string) bool {
	for _, path := range paths {
		if fileExists(path) {
			return true
		}
	}
	return false
}

// fatal ends the process as kubectl does, with a better message where we know more.
func (s *session) fatal(message string, code int) {
	message = s.explain(message)
	if message != "" {
		fmt.Fprintln(s.ErrOut, strings.TrimSuffix(message, "\n"))
	}
	os.Exit(code)
}

// getter refuses to make a client of nothing, and is the flags' getter otherwise.
type getter struct {
	*genericclioptions.ConfigFlags
	session *session
}

var _ genericclioptions.RESTClientGetter = getter{}

func (g getter) ToRESTConfig() (*rest.Config, error) {
	if err := g.session.check(); err != nil {
		return nil, err
	}
	return g.ConfigFlags.ToRESTConfig()
}

func (g getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	if err := g.session.check(); err != nil {
		return nil, err
	}
	return g.ConfigFlags.ToDiscoveryClient()
}

func (g getter) ToRESTMapper() (meta.RESTMapper, error) {
	if err := g.session.check(); err != nil {
		return nil, err
	}
	return g.ConfigFlags.ToRESTMapper()
}

// ToRawKubeConfigLoader gives commands the namespace, before they make any client.
func (g getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return checked{g.ConfigFlags.ToRawKubeConfigLoader(), g.session}
}

type loader = clientcmd.ClientConfig

type checked struct {
	loader
	session *session
}

func (c checked) Namespace() (string, bool, error) {
	if err := c.session.check(); err != nil {
		return "", false, err
	}
	return c.loader.Namespace()
}
