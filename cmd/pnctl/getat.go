package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/cmd/get"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
)

// newCmdGet is kubectl's get with a flag more: --at asks the server for an object as it was.
// The server answers in the object's own kind, tables included, so that all that get can
// print it prints of the past too.
func newCmdGet(s *session) *cobra.Command {
	past := &pastGetter{getter: getter{s.flags, s}}
	f := cmdutil.NewFactory(past)
	cmd := get.NewCmdGet("pnctl", f, s.IOStreams)
	cmd.ValidArgsFunction = utilcomp.ResourceTypeAndNameCompletionFunc(f)
	var at string
	cmd.Flags().StringVar(&at, "at", "", "Show the objects named as they were wanted at a generation (3), at a time "+
		"(2006-01-02T15:04:05Z), or some time ago (10m ago, 2d). Their status then is not kept.")
	present := cmd.Run
	cmd.Run = func(cmd *cobra.Command, args []string) {
		if cmd.Flags().Changed("at") {
			cmdutil.CheckErr(past.travel(cmd, args, at))
		}
		present(cmd, args)
	}
	return cmd
}

// A pastGetter asks for what was instead of what is, once a moment is set.
type pastGetter struct {
	getter
	moment url.Values
}

// travel makes the rest of the command speak of a moment.
func (g *pastGetter) travel(cmd *cobra.Command, args []string, at string) (err error) {
	if len(args) < 2 && !strings.Contains(strings.Join(args, ""), "/") {
		return fmt.Errorf("--at needs the name of an object: %s KIND NAME --at %s", cmd.CommandPath(), at)
	}
	for _, flag := range []string{"watch", "watch-only", "selector", "field-selector", "all-namespaces", "filename", "kustomize", "subresource", "raw"} {
		if cmd.Flags().Changed(flag) {
			return fmt.Errorf("--at and --%s exclude each other: --at is for objects that are named", flag)
		}
	}
	if g.moment, err = parseMoment(at, time.Now()); err != nil {
		return err
	}
	return cmd.Flags().Set("subresource", "history")
}

// ToRESTConfig is that of the present, whose reads of a history say of which moment.
func (g *pastGetter) ToRESTConfig() (*rest.Config, error) {
	config, err := g.getter.ToRESTConfig()
	if err != nil || g.moment == nil {
		return config, err
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/history") {
				r = r.Clone(r.Context())
				query := r.URL.Query()
				for name, values := range g.moment {
					query[name] = values
				}
				r.URL.RawQuery = query.Encode()
			}
			return next.RoundTrip(r)
		})
	})
	return config, nil
}

// parseMoment reads a generation, a time, or how long ago; it is what the subresource history is asked.
func parseMoment(text string, now time.Time) (url.Values, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return url.Values{"generation": {text}}, nil
	}
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return url.Values{"at": {text}}, nil
	}
	if ago, err := parseAgo(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "ago"))); err == nil && ago >= 0 {
		return url.Values{"at": {now.Add(-ago).UTC().Format(metav1.RFC3339Micro)}}, nil
	}
	return nil, fmt.Errorf("--at: %q is not a generation (3), a time (2006-01-02T15:04:05Z) or how long ago (10m ago, 2d)", text)
}

// parseAgo is time.ParseDuration with days: 1d12h.
func parseAgo(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, err
	}
	ago := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return ago, nil
	}
	more, err := time.ParseDuration(rest)
	return ago + more, err
}
