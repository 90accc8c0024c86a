package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

type cancelOptions struct {
	session *session
	client  *client
	wait    bool
	timeout time.Duration
}

func newCmdCancel(f cmdutil.Factory, s *session) *cobra.Command {
	o := &cancelOptions{session: s}
	cmd := &cobra.Command{
		Use:   "cancel (RUN | KIND/NAME) ... [--wait]",
		Short: "Cancel a run of a pipeline or a container instance",
		Long: `Cancel what runs: a run of a pipeline, or with its kind a container instance.

It sets spec.cancel; what has ended already stays as it is.`,
		Example: `  pnctl cancel build-x2k4q
  pnctl cancel ci/import --wait`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmdutil.UsageErrorf(cmd, "the name of a run, or KIND/NAME, is needed")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.client, err = newClient(f); err != nil {
				return err
			}
			for _, arg := range args {
				t, err := parseTarget(f, arg, pipelineRuns)
				if err != nil {
					return err
				}
				if err := o.cancel(cmd.Context(), t); err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: completeMany(f, pipelineRuns, containerInstances),
	}
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until it has ended.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "How long to wait with --wait.")
	return cmd
}

func (o *cancelOptions) cancel(ctx context.Context, t target) error {
	if t.Resource != pipelineRuns && t.Resource != containerInstances {
		return fmt.Errorf("%s can't be cancelled: only pipelineruns and containerinstances can", t.Resource)
	}
	before, err := o.client.get(ctx, t.Resource, t.Name)
	if err != nil {
		return err
	}
	if phase := phaseOf(before); over(t.Resource, phase) {
		fmt.Fprintf(o.session.Out, "%s has already ended: %s\n", t, phase)
		return nil
	}
	after, err := o.client.patch(ctx, t.Resource, t.Name, `{"spec":{"cancel":true}}`)
	if err != nil {
		return err
	}
	word := "is being cancelled"
	if after.ResourceVersion == before.ResourceVersion {
		word = "is being cancelled already"
	}
	fmt.Fprintf(o.session.Out, "%s %s\n", t, word)
	if !o.wait {
		return nil
	}
	return o.await(ctx, t)
}

// await waits for the end, through restarts of the server, and says what it was.
func (o *cancelOptions) await(ctx context.Context, t target) error {
	ctx, stop := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%s has not ended within %s", t, o.timeout))
	defer stop()
	phase, err := awaitEnd(ctx, o.client, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.session.Out, "%s has ended: %s\n", t, phase)
	return nil
}

func awaitEnd(ctx context.Context, c *client, t target) (phase string, err error) {
	for failures := 1; ; failures++ {
		now, err := c.get(ctx, t.Resource, t.Name)
		if err == nil {
			phase = phaseOf(now)
			if over(t.Resource, phase) {
				return phase, nil
			}
			err = c.watch(ctx, t.Resource, t.Name, now.ResourceVersion, func(next *api.Object) bool {
				phase = phaseOf(next)
				return !over(t.Resource, phase)
			})
			if over(t.Resource, phase) {
				return phase, nil
			}
			failures = 1
		}
		if ctx.Err() != nil {
			return phase, context.Cause(ctx)
		}
		if err != nil && permanent(err) {
			return phase, err
		}
		if err := backoff(ctx, failures); err != nil {
			return phase, err
		}
	}
}

func phaseOf(o *api.Object) string {
	var status struct {
		Phase string `json:"phase"`
	}
	if len(o.Status) > 0 && json.Unmarshal(o.Status, &status) != nil {
		return ""
	}
	return status.Phase
}

// over reports whether an object of the resource has ended for good in this phase.
func over(resource, phase string) bool {
	if resource == pipelineRuns {
		return ended(phase)
	}
	switch phase {
	case v1.InstanceCompleted, v1.InstanceFailed, v1.InstanceCancelled, v1.InstanceTimeout:
		return true
	}
	return false
}
