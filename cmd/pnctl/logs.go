package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	v1 "github.com/powernode/powernode/api/v1"
)

type logsOptions struct {
	session    *session
	client     *client
	follow     bool
	step       string
	tail       int
	timestamps bool
	attempt    int
	execution  string
}

func newCmdLogs(f cmdutil.Factory, s *session) *cobra.Command {
	o := &logsOptions{session: s}
	cmd := &cobra.Command{
		Use:   "logs KIND/NAME [-f] [--step STEP]",
		Short: "Print the log of a run of a pipeline or of a container instance",
		Long: `Print the log of a run of a pipeline (pr) or of a container instance (ci).

The lines of a run carry the name of their step in front, unless --step asks for one step alone.
With --follow the log is told as it grows, through restarts of the server, to its end.`,
		Example: `  # Every step of a run, or one of them
  pnctl logs pr/build-x2k4q
  pnctl logs pr/build-x2k4q --step test

  # A container, from its last 20 lines on
  pnctl logs -f ci/web --tail 20`,
		Args: oneArgument("KIND/NAME, for example pr/build-x2k4q or ci/web"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := parseTarget(f, args[0], "")
			if err != nil {
				return err
			}
			if o.client, err = newClient(f); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if err := o.logs(ctx, t); ctx.Err() == nil || err == nil {
				return err
			}
			return interrupted()
		},
		ValidArgsFunction: completeKinds(f, pipelineRuns, containerInstances),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "Go on as the log grows.")
	flags.StringVar(&o.step, "step", "", "Of a run: this step alone.")
	flags.IntVar(&o.tail, "tail", -1, "Start with this many of the latest lines; all when negative.")
	flags.BoolVar(&o.timestamps, "timestamps", false, "Of a container: put the time in front of each line.")
	flags.IntVar(&o.attempt, "attempt", 0, "An earlier attempt of a step or of a Job; the latest when 0.")
	flags.StringVar(&o.execution, "execution", "", "Of a container: an earlier execution, as status.executions lists them.")
	cmdutil.CheckErr(cmd.RegisterFlagCompletionFunc("step", completeSteps(f)))
	return cmd
}

func (o *logsOptions) logs(ctx context.Context, t target) error {
	switch t.Resource {
	case pipelineRuns:
		return o.ofRun(ctx, t.Name)
	case containerInstances:
		return o.ofContainer(ctx, t.Name)
	case pipelines:
		return o.ofPipeline(ctx, t.Name)
	}
	return fmt.Errorf("%s have no logs: only pipelineruns (pr/NAME) and containerinstances (ci/NAME) have", t.Resource)
}

// ofPipeline says where the logs are: a pipeline has only those of its runs.
func (o *logsOptions) ofPipeline(ctx context.Context, name string) error {
	object, err := o.client.get(ctx, pipelines, name)
	if err != nil {
		return err
	}
	var status v1.PipelineStatus
	if err := decodePart(object.Status, &status); err != nil {
		return err
	}
	if status.LastRun == nil {
		return fmt.Errorf("a pipeline has no log of its own, and %s has not run yet; `pnctl run %s --watch` runs it", name, name)
	}
	return fmt.Errorf("a pipeline has no log of its own; its latest run's is `pnctl logs pr/%s`", status.LastRun.Name)
}

func (o *logsOptions) ofRun(ctx context.Context, name string) error {
	if o.execution != "" {
		return errors.New("--execution: only containerinstances (ci/NAME) have executions; see --attempt")
	}
	if o.timestamps {
		return errors.New("--timestamps: the logs of a run's steps carry no times; they are in `pnctl get pr/" + name + " -o yaml`")
	}
	object, err := o.client.get(ctx, pipelineRuns, name)
	if err != nil {
		return err
	}
	run, err := decodeRun(object)
	if err != nil {
		return err
	}
	if err := o.checkStep(run); err != nil {
		return err
	}
	if o.follow && !run.Ended() {
		f := &follower{client: o.client, run: name, only: o.step, tail: o.tail, attempt: o.attempt, latest: true}
		_, err := show(ctx, f, run, o.view())
		return err
	}
	return o.soFar(ctx, run)
}

// checkStep refuses a step that the run does not have.
func (o *logsOptions) checkStep(run *runState) error {
	if o.step == "" {
		return nil
	}
	s, found := run.Step(o.step)
	if !found {
		var names []string
		for _, s := range run.Steps() {
			names = append(names, s.Name)
		}
		return fmt.Errorf("--step: the run %s has no step %q; it has %s", run.Name, o.step, strings.Join(names, ", "))
	}
	if s.Attempts < o.attempt && (!o.follow || ended(s.Phase)) {
		return fmt.Errorf("--attempt: the step %s of run %s has had %d attempts", o.step, run.Name, s.Attempts)
	}
	return nil
}

// soFar prints what there is now, step by step.
func (o *logsOptions) soFar(ctx context.Context, run *runState) error {
	v := o.view()
	for _, s := range run.Steps() {
		attempt := s.Attempts
		if o.attempt > 0 {
			attempt = o.attempt
		}
		if attempt == 0 || attempt > s.Attempts || o.step != "" && o.step != s.Name {
			continue
		}
		stream, err := o.client.log(ctx, pipelineRuns, run.Name, logQuery{Step: s.Name, Attempt: attempt, Tail: o.tail})
		if err != nil {
			return err
		}
		if err := errors.Join(o.print(v, s.Name, attempt, stream), stream.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (o *logsOptions) print(v view, step string, attempt int, stream io.Reader) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := stream.Read(buffer)
		if n > 0 {
			if err := v.Event(event{Log: &logPart{Step: step, Attempt: attempt, Data: buffer[:n]}}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return v.Event(event{Log: &logPart{Step: step, Attempt: attempt, End: true}})
		}
		if err != nil {
			return err
		}
	}
}

// view is lines with their step in front, or the bytes of one step as they are.
func (o *logsOptions) view() view {
	v := &plainView{out: o.session.Out, errOut: o.session.ErrOut, plain: plain{LogsOnly: true}}
	if o.step != "" {
		return &rawView{plainView: v}
	}
	return v
}

// rawView writes logs as they come.
type rawView struct{ *plainView }

func (v *rawView) Event(e event) error {
	if e.Log == nil {
		return v.plainView.Event(e)
	}
	_, err := v.out.Write(e.Log.Data)
	return err
}
