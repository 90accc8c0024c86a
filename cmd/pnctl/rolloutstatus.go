package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"

	"github.com/powernode/powernode/api"
)

type statusOptions struct {
	out     io.Writer
	watch   bool
	timeout time.Duration
	said    string
}

func newCmdStatus(f cmdutil.Factory, s *session) *cobra.Command {
	o := &statusOptions{out: s.Out}
	cmd := &cobra.Command{
		Use:   "status (KIND/NAME | KIND NAME)",
		Short: "Wait until the current revision of an object is in force",
		Long: `Wait until the current revision of an object is in force: its condition Ready is true, and of
this generation. It fails when the condition Stalled says that only another change can help.`,
		Example: `  pnctl rollout status ci/web
  pnctl rollout status ci web --timeout=5m
  pnctl rollout status ci/web --watch=false`,
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := findSubject(f, cmd.CommandPath(), args)
			if err != nil {
				return err
			}
			objects, err := f.DynamicClient()
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), subject, objects)
		},
		ValidArgsFunction: utilcomp.ResourceTypeAndNameCompletionFunc(f),
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", true, "Wait until it is in force.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "How long to wait; 0 is for ever.")
	return cmd
}

func (o *statusOptions) run(ctx context.Context, s *subject, objects dynamic.Interface) error {
	live, err := s.get(ctx)
	if err != nil {
		return err
	}
	if over, err := o.look(s, live); over || err != nil || !o.watch {
		return err
	}
	if o.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, o.timeout)
		defer stop()
	}
	_, err = watchtools.UntilWithSync(ctx, source(ctx, s, objects), &unstructured.Unstructured{}, nil, func(e watch.Event) (bool, error) {
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			return false, nil
		}
		if e.Type == watch.Deleted {
			return false, fmt.Errorf("%s was deleted", s)
		}
		return o.look(s, u)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("%s is not in force after %s", s, o.timeout)
	}
	return err
}

// source lists and watches the one object.
func source(ctx context.Context, s *subject, objects dynamic.Interface) cache.ListerWatcher {
	var of dynamic.ResourceInterface = objects.Resource(s.mapping.Resource)
	if s.namespace != "" {
		of = objects.Resource(s.mapping.Resource).Namespace(s.namespace)
	}
	only := "metadata.name=" + s.name
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			return of.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			return of.Watch(ctx, o)
		},
	}
}

// look says where the object stands, once, and reports whether that is the end.
func (o *statusOptions) look(s *subject, u *unstructured.Unstructured) (over bool, err error) {
	ready, stalled := conditionOf(u, api.Ready), conditionOf(u, api.Stalled)
	switch {
	case stalled.holds():
		return false, fmt.Errorf("%s is stalled: %s", s, stalled)
	case ready.holds():
		fmt.Fprintf(o.out, "%s is in force: revision %d\n", s, u.GetGeneration())
		return true, nil
	}
	line := fmt.Sprintf("Waiting for revision %d of %s", u.GetGeneration(), s)
	if ready.known {
		line += ": " + ready.String()
	}
	if line != o.said {
		fmt.Fprintln(o.out, line)
	}
	o.said = line
	return false, nil
}

// A condition of an object; known when it speaks of the present generation.
type condition struct {
	status, reason, message string
	known                   bool
}

func (c condition) holds() bool { return c.known && c.status == "True" }

func (c condition) String() string {
	if c.message == "" {
		return c.reason
	}
	return c.reason + ": " + c.message
}

func conditionOf(u *unstructured.Unstructured, kind string) condition {
	all, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, one := range all {
		c, _ := one.(map[string]any)
		if c["type"] != kind {
			continue
		}
		var found condition
		found.status, _ = c["status"].(string)
		found.reason, _ = c["reason"].(string)
		found.message, _ = c["message"].(string)
		observed, told := c["observedGeneration"].(int64)
		found.known = !told || observed >= u.GetGeneration()
		return found
	}
	return condition{}
}
