package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"syscall"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes/scheme"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/utils/exec"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

type runOptions struct {
	session    *session
	client     *client
	parameters []string
	watch      bool
	print      *genericclioptions.PrintFlags
}

func newCmdRun(f cmdutil.Factory, s *session) *cobra.Command {
	o := &runOptions{session: s, print: genericclioptions.NewPrintFlags("created").WithTypeSetter(scheme.Scheme)}
	cmd := &cobra.Command{
		Use:   "run PIPELINE [-p NAME=VALUE ...] [--watch]",
		Short: "Run a pipeline now",
		Long: `Run a pipeline now, with the inputs that it declares.

With --watch its steps and logs are followed to the end: live on a terminal, line by line otherwise.
The exit code is 0 when the run succeeds and 1 when it does not. Ctrl-C leaves the run alone.`,
		Example: `  # Start it and go on
  pnctl run build

  # With inputs, and see how it goes
  pnctl run build -p branch=main -p count=3 --watch`,
		Args: oneArgument("the name of a pipeline"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.client, err = newClient(f); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, args[0])
		},
		ValidArgsFunction: completeOne(f, pipelines),
	}
	cmd.Flags().StringArrayVarP(&o.parameters, "param", "p", nil, "An input of the pipeline as NAME=VALUE; repeat it for more.")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Follow the run to its end.")
	o.print.AddFlags(cmd)
	cmdutil.CheckErr(cmd.RegisterFlagCompletionFunc("param", completeInputs(f)))
	return cmd
}

func (o *runOptions) run(ctx context.Context, pipeline string) error {
	if o.watch && *o.print.OutputFormat != "" {
		return fmt.Errorf("--output prints the run as it was created; it does not go with --watch")
	}
	printer, err := o.print.ToPrinter()
	if err != nil {
		return err
	}
	created, err := o.create(ctx, pipeline)
	if err != nil {
		return err
	}
	document, err := toUnstructured(created)
	if err != nil {
		return err
	}
	if err := printer.PrintObj(document, o.session.Out); err != nil || !o.watch {
		return err
	}
	return o.follow(ctx, created)
}

// create makes the run, with inputs of the types that the pipeline declares.
func (o *runOptions) create(ctx context.Context, name string) (*api.Object, error) {
	pipeline, err := o.client.get(ctx, pipelines, name)
	if err != nil {
		return nil, err
	}
	inputs, err := parseInputs(o.parameters, declaredInputs(pipeline))
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(v1.PipelineRunSpec{
		PipelineRef: v1.LocalRef{Name: name}, Inputs: inputs,
		Trigger: v1.RunTrigger{Type: "manual", Actor: actor()},
	})
	if err != nil {
		return nil, err
	}
	return o.client.create(ctx, pipelineRuns, &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "PipelineRun"},
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Namespace: o.client.namespace},
		Spec:       spec,
	})
}

// follow shows the run to its end; its result is the exit code.
func (o *runOptions) follow(ctx context.Context, created *api.Object) error {
	first, err := decodeRun(created)
	if err != nil {
		return err
	}
	f := &follower{client: o.client, run: first.Name, tail: -1}
	last, err := show(ctx, f, first, newView(o.session.Out, o.session.ErrOut, os.Getenv))
	switch {
	case ctx.Err() != nil:
		return o.detached(first.Name)
	case err != nil:
		return err
	case last.Status.Phase != v1.RunSuccess:
		return cmdutil.ErrExit
	}
	return nil
}

// detached says how to get back to a run that goes on without us.
func (o *runOptions) detached(name string) error {
	in := ""
	if *o.session.flags.Namespace != "" {
		in = " -n " + *o.session.flags.Namespace
	}
	fmt.Fprintf(o.session.ErrOut, "\ndetached; the run %[1]s goes on\n  follow it:  pnctl logs -f pr/%[1]s%[2]s\n  cancel it:  pnctl cancel %[1]s%[2]s\n", name, in)
	return interrupted()
}

// interrupted ends the process as an interrupt would, without a word.
func interrupted() error { return exec.CodeExitError{Err: errors.New(""), Code: 130} }

func declaredInputs(pipeline *api.Object) map[string]v1.Input {
	var spec struct {
		Triggers v1.Triggers `json:"triggers"`
	}
	if decodePart(pipeline.Spec, &spec) != nil || spec.Triggers.Manual == nil {
		return nil
	}
	return spec.Triggers.Manual.Inputs
}

// actor is who runs pnctl.
func actor() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

func toUnstructured(o *api.Object) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	return u, u.UnmarshalJSON(raw)
}

func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cmdutil.UsageErrorf(cmd, "one argument is needed: %s", what)
		}
		return nil
	}
}
