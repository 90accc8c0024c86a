package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	v1 "github.com/powernode/powernode/api/v1"
)

type artifactOptions struct {
	session *session
	client  *client
	output  string
}

func newCmdArtifacts(f cmdutil.Factory, s *session) *cobra.Command {
	o := &artifactOptions{session: s}
	cmd := &cobra.Command{
		Use:   "artifacts RUN [NAME] [-o FILE|DIRECTORY]",
		Short: "List or fetch what a run left behind",
		Long: `List the artifacts of a run, or fetch them: one by name, or with --output all.

An artifact is an archive (tar.gz). Its SHA-256 is checked; nothing is left of one that arrives damaged.`,
		Example: `  # What is there
  pnctl artifacts build-x2k4q

  # One of them, into dist.tar.gz, or unpacked here
  pnctl artifacts build-x2k4q dist
  pnctl artifacts build-x2k4q dist -o - | tar xz

  # All of them
  pnctl artifacts build-x2k4q -o ./out/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return cmdutil.UsageErrorf(cmd, "the name of a run is needed, and the name of an artifact may follow")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.client, err = newClient(f); err != nil {
				return err
			}
			t, err := parseTarget(f, args[0], pipelineRuns)
			if err != nil {
				return err
			}
			if t.Resource != pipelineRuns {
				return fmt.Errorf("%s have no artifacts: only pipelineruns have", t.Resource)
			}
			return o.artifacts(cmd.Context(), t.Name, args[1:])
		},
		ValidArgsFunction: completeArtifacts(f),
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Where to write: a file, a directory, or - for standard output.")
	return cmd
}

func (o *artifactOptions) artifacts(ctx context.Context, name string, wanted []string) error {
	object, err := o.client.get(ctx, pipelineRuns, name)
	if err != nil {
		return err
	}
	run, err := decodeRun(object)
	if err != nil {
		return err
	}
	if len(wanted) == 0 && o.output == "" {
		return o.list(run)
	}
	if len(wanted) == 0 {
		if err := os.MkdirAll(o.output, 0o777); err != nil {
			return err
		}
	}
	found := false
	for _, a := range run.Status.Artifacts {
		if len(wanted) > 0 && a.Name != wanted[0] {
			continue
		}
		found = true
		if err := o.fetch(ctx, name, a); err != nil {
			return err
		}
	}
	if !found && len(wanted) > 0 {
		return fmt.Errorf("the run %s has no artifact %q; `pnctl artifacts %s` lists those it has", name, wanted[0], name)
	}
	return nil
}

func (o *artifactOptions) list(run *runState) error {
	if len(run.Status.Artifacts) == 0 {
		fmt.Fprintf(o.session.ErrOut, "the run %s has no artifacts\n", run.Name)
		return nil
	}
	out := printers.GetNewTabWriter(o.session.Out)
	fmt.Fprintln(out, "NAME\tSTEP\tSIZE\tFILES\tSHA256")
	for _, a := range run.Status.Artifacts {
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s\n", a.Name, a.Step, size(a.Size), a.Files, a.SHA256)
	}
	return out.Flush()
}

// fetch writes one artifact to where it belongs, whole and checked or not at all.
func (o *artifactOptions) fetch(ctx context.Context, run string, a v1.RunArtifact) error {
	if o.output == "-" {
		return o.copy(ctx, run, a, o.session.Out)
	}
	path := artifactPath(o.output, a.Name)
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // it has its final name by then, or is of no use
	err = o.copy(ctx, run, a, file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(file.Name(), 0o644); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	fmt.Fprintf(o.session.Out, "%s (%s)\n", path, size(a.Size))
	return nil
}

func (o *artifactOptions) copy(ctx context.Context, run string, a v1.RunArtifact, to io.Writer) error {
	content, err := o.client.artifact(ctx, run, a.Name)
	if err != nil {
		return err
	}
	defer content.Close()
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, digest), content)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", a.Name, err)
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != a.SHA256 {
		return fmt.Errorf("artifact %s arrived damaged: %d bytes with SHA-256 %s, the run's status says %d bytes with %s", a.Name, n, got, a.Size, a.SHA256)
	}
	return nil
}

// artifactPath is the file for an artifact: output itself, or NAME.tar.gz in the
// directory that output is (this one when it is empty).
func artifactPath(output, name string) string {
	info, err := os.Stat(output)
	isDirectory := output == "" || err == nil && info.IsDir() || output[len(output)-1] == filepath.Separator
	if isDirectory {
		return filepath.Join(output, filepath.Base(filepath.Clean("/"+name))+".tar.gz")
	}
	return output
}
