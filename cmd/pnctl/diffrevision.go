package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd/diff"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
	"k8s.io/utils/exec"
)

// lastApplied is what a client-side apply notes; it repeats the rest of the object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// newCmdDiff is kubectl's diff, and with --revision that of an object's revisions: the same
// program shows it, and the exit status means the same.
func newCmdDiff(f cmdutil.Factory, streams genericiooptions.IOStreams) *cobra.Command {
	cmd := diff.NewCmdDiff(f, streams)
	var revision string
	cmd.Use = "diff (-f FILENAME | --revision N[..M] KIND/NAME)"
	cmd.Flags().StringVar(&revision, "revision", "", "Compare this revision of the object named with what is live; N..M compares two revisions.")
	cmd.ValidArgsFunction = utilcomp.ResourceTypeAndNameCompletionFunc(f)
	ofFiles := cmd.Run
	cmd.Run = func(cmd *cobra.Command, args []string) {
		if !cmd.Flags().Changed("revision") {
			ofFiles(cmd, args)
			return
		}
		err := diffRevisions(cmd, f, streams, args, revision)
		if differ, ok := err.(exec.ExitError); ok && differ.ExitStatus() <= 1 {
			err = cmdutil.ErrExit
			cmdutil.CheckErr(err)
		}
		cmdutil.CheckDiffErr(err)
	}
	return cmd
}

func diffRevisions(cmd *cobra.Command, f cmdutil.Factory, streams genericiooptions.IOStreams, args []string, revision string) error {
	for _, flag := range []string{"filename", "kustomize", "selector", "prune", "server-side"} {
		if cmd.Flags().Changed(flag) {
			return fmt.Errorf("--revision and --%s exclude each other", flag)
		}
	}
	from, to, err := parseRevisions(revision)
	if err != nil {
		return err
	}
	s, err := findSubject(f, cmd.CommandPath()+" --revision "+revision, args)
	if err != nil {
		return err
	}
	before, err := s.side(cmd.Context(), from)
	defer before.drop()
	if err != nil {
		return err
	}
	after, err := s.side(cmd.Context(), to)
	defer after.drop()
	if err != nil {
		return err
	}
	return compare(streams, before, after)
}

// side is a revision, or with 0 the live object, as the diff program sees it.
func (s *subject) side(ctx context.Context, revision int64) (side, error) {
	u, err := s.comparable(ctx, revision)
	if err != nil {
		return side{}, err
	}
	return newSide(labelOf(revision), fileName(s), u)
}

// parseRevisions reads N or N..M; 0 stands for what is live.
func parseRevisions(text string) (from, to int64, err error) {
	first, second, both := strings.Cut(text, "..")
	from, err = strconv.ParseInt(first, 10, 64)
	if err == nil && both {
		to, err = strconv.ParseInt(second, 10, 64)
	}
	if err != nil || from < 1 || (both && to < 1) {
		return 0, 0, fmt.Errorf("--revision: %q is neither a revision (2) nor two of them (1..3)", text)
	}
	return from, to, nil
}

// labelOf begins the name of the directory that the object is in.
func labelOf(revision int64) string {
	if revision == 0 {
		return "LIVE"
	}
	return fmt.Sprintf("REVISION-%d", revision)
}

// comparable is a revision, or with 0 the live object, without what differs for no wish of its owner.
func (s *subject) comparable(ctx context.Context, revision int64) (u *unstructured.Unstructured, err error) {
	if revision == 0 {
		u, err = s.get(ctx)
	} else {
		u, err = s.revision(ctx, revision)
	}
	if err != nil {
		return nil, err
	}
	delete(u.Object, "status")
	for _, name := range []string{"resourceVersion", "generation", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		unstructured.RemoveNestedField(u.Object, "metadata", name)
	}
	if annotations := u.GetAnnotations(); annotations[lastApplied] != "" {
		delete(annotations, lastApplied)
		unstructured.RemoveNestedField(u.Object, "metadata", "annotations")
		if len(annotations) > 0 {
			u.SetAnnotations(annotations)
		}
	}
	return u, nil
}

func fileName(s *subject) string {
	gvk := s.mapping.GroupVersionKind
	return strings.Trim(strings.Join([]string{gvk.Group, gvk.Version, gvk.Kind, s.namespace, s.name}, "."), ".")
}

// A side is one of the two directories that the diff program compares.
type side struct {
	*diff.Directory
}

// emptySide has no file, which the diff program takes for an empty one.
func emptySide(label string) (side, error) {
	directory, err := diff.CreateDirectory(label)
	return side{directory}, err
}

// newSide has one file: the object as YAML.
func newSide(label, file string, u *unstructured.Unstructured) (side, error) {
	directory, err := diff.CreateDirectory(label)
	if err != nil {
		return side{}, err
	}
	f, err := directory.NewFile(file)
	if err != nil {
		return side{directory}, err
	}
	defer f.Close()
	printer := diff.Printer{}
	return side{directory}, printer.Print(u, f)
}

func (s side) drop() {
	if s.Directory != nil {
		_ = s.Delete() // a temporary one
	}
}

// compare runs the program that kubectl diff would run.
func compare(streams genericiooptions.IOStreams, from, to side) error {
	program := &diff.DiffProgram{Exec: exec.New(), IOStreams: streams}
	return program.Run(from.Name, to.Name)
}
