package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheReadmesFirstStepsWork types the commands of the README's console
// blocks, in order, and holds what they print against what the README shows. In its
// output … stands for anything, on one line or over several.
func TestTheReadmesFirstStepsWork(t *testing.T) {
	s := startServer(t)
	run(t, "cd .. && mkdir -p .powernode/demo && examples/quickstart/demo.sh prepare")
	t.Cleanup(func() { s.try("pnctl", "delete", "ci", "--all", "--timeout=1m") })
	if err := os.Symlink(program(t, "pnctl"), filepath.Join(s.dir, "pnctl")); err != nil {
		t.Fatal(err)
	}
	steps := readmeSteps(t)
	if len(steps) < 5 {
		t.Fatalf("the README shows %d commands", len(steps))
	}
	for _, step := range steps {
		cmd := exec.Command("bash", "-c", step.command)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "PATH="+s.dir+":"+os.Getenv("PATH"), "HOME="+s.home(),
			"PNCTL_CONFIG="+s.kubeconfig(), "KUBECONFIG="+s.kubeconfig())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("$ %s: %v\n%s", step.command, err, out)
		}
		if !step.output.Match(out) {
			t.Errorf("$ %s printed\n%s\nwhich is not what the README shows: %s", step.command, out, step.output)
		}
	}
}

type readmeStep struct {
	command string
	output  *regexp.Regexp
}

// readmeSteps reads the ```console blocks: a command behind "$ ", then what it prints.
func readmeSteps(t *testing.T) (steps []readmeStep) {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			steps = append(steps, readmeStep{command, outputPattern(output)})
		}
	}
	return steps
}

// outputPattern takes runs of spaces as equal, since columns move with their contents.
func outputPattern(output string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(strings.TrimSpace(output))
	pattern = strings.ReplaceAll(pattern, "…", `(?s:.*)`)
	pattern = regexp.MustCompile(` +`).ReplaceAllString(pattern, ` +`)
	return regexp.MustCompile(pattern)
}

// TestThePathsThatProseNamesExist keeps the documents true.
func TestThePathsThatProseNamesExist(t *testing.T) {
	path := regexp.MustCompile("`((?:api|cmd|controllers|examples|reconcile|schemas|store|\\.ci)(?:/[a-zA-Z0-9_.-]+)+/?)`")
	for _, doc := range []string{"../README.md", "../CONTRIBUTING.md"} {
		data, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range path.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join("..", match[1])); err != nil {
				t.Errorf("%s names %s: %v", doc, match[1], err)
			}
		}
	}
}
