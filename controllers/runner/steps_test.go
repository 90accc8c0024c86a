package runner_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	protocol "github.com/powernode/powernode/api/runner"
)

func TestStepsPassOutputsAndFiles(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	first := w.script("one", "echo hello > greeting\necho 'name=world' >> $POWERNODE_OUTPUT\nprintf 'poem<<EOF\\nroses\\nred\\nEOF\\n' >> $POWERNODE_OUTPUT")
	results := w.succeed(first)
	if got := results[0].Outputs; got["name"] != "world" || got["poem"] != "roses\nred" {
		t.Errorf("outputs: %q", got)
	}
	second := w.script("two", "echo \"$(cat greeting), ${{ steps.one.outputs.name }}\"", func(s *protocol.Step) {
		s.Context = contextOf(t, map[string]any{"steps": map[string]any{"one": map[string]any{"outputs": results[0].Outputs}}})
		s.Workspace = results[0].Workspace
	})
	w.succeed(second)
	if got := w.log(second); got != "hello, world\n" {
		t.Errorf("log: %q", got)
	}
}

func TestAFailingCommandFailsTheStepWithItsCode(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	s := w.step("test", "run_tests", with{"command": "echo before; sh -c 'exit 3'\necho after", "shell": "bash"})
	r := w.do(s)
	if r.Conclusion != protocol.Failure || r.Reason != "ExitCode" || r.ExitCode == nil || *r.ExitCode != 3 {
		t.Errorf("result: %+v", r)
	}
	if got := w.log(s); got != "before\n" {
		t.Errorf("log: %q", got)
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://poisoned")
	t.Setenv("POWERNODE_TOKEN", "poisoned")
	w := newWorld(t)
	w.agent("a")
	s := w.script("env", "env", func(s *protocol.Step) {
		s.Env = []protocol.EnvVar{{Name: "COLOR", Value: "blue"}, {Name: "BOTH", Value: "${{ env.COLOR }} and ${{ inputs.other }}"}, {Name: "POWERNODE_RUN", Value: "forged"}}
		s.Context = contextOf(t, map[string]any{"inputs": map[string]any{"other": "red"}})
	})
	w.succeed(s)
	want := map[string]string{"CI": "true", "POWERNODE": "true", "POWERNODE_RUN": "run-1", "POWERNODE_STEP": "env", "COLOR": "blue", "BOTH": "blue and red",
		"PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "HOME": "", "TMPDIR": "", "POWERNODE_WORKSPACE": "", "POWERNODE_OUTPUT": ""}
	for line := range strings.Lines(w.log(s)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		wanted, known := want[name]
		switch {
		case name == "PWD" || name == "OLDPWD" || name == "_" || name == "SHLVL": // the shell's own
		case !known:
			t.Errorf("the step sees %s", line)
		case wanted != "" && wanted != value:
			t.Errorf("%s is %q, not %q", name, value, wanted)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("the step does not see %v", want)
	}
}

func TestNoFileOfTheRunnerIsInherited(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("the system has no /proc")
	}
	w := newWorld(t)
	w.agent("a")
	s := w.script("files", "ls -l /proc/self/fd | awk '{print $9, $11}'")
	w.succeed(s)
	for line := range strings.Lines(w.log(s)) {
		n, target, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n != "" && n != "0" && n != "1" && n != "2" && !strings.HasPrefix(target, "/proc/") && !strings.HasSuffix(target, "/io/script") {
			t.Errorf("the step has %s", line)
		}
	}
}

func TestExpressionsAreNeverShellText(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	evil := "$(touch owned); `touch owned` \" ' ; touch owned"
	s := w.script("safe", "echo ${{ inputs.title }}\necho \"in quotes: ${{ inputs.title }}\"", func(s *protocol.Step) {
		s.Context = contextOf(t, map[string]any{"inputs": map[string]any{"title": evil}})
	})
	check := w.script("check", "test ! -e owned")
	w.succeed(s, check)
	if got, want := w.log(s), evil+"\nin quotes: "+evil+"\n"; got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}

func TestSecretsAreMaskedEverywhere(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	const token = "s3cr3t-t0ken-value"
	w.secret("deploy", "token", token)
	encoded := base64.StdEncoding.EncodeToString([]byte("user:" + token))
	text := `printf 's3cr3t-'; sleep 0.3; printf 't0ken-value\n'
echo "$TOKEN" | tr -d '\n' | base64
printf 'user:%s' "$TOKEN" | base64
echo "token=$TOKEN" >> $POWERNODE_OUTPUT
echo "direct ${{ secrets.TOKEN }}"
echo "kept $TOKEN" > kept
exit 0`
	s := w.script("secret", text, func(s *protocol.Step) {
		s.SecretRefs = []protocol.SecretRef{{As: "TOKEN", Name: "deploy", Key: "token"}, {As: "env/MODE", Kind: "ConfigMap", Name: "none", Key: "none", Optional: true}}
		s.Env = []protocol.EnvVar{{Name: "TOKEN", Secret: "TOKEN"}, {Name: "MODE", Secret: "env/MODE"}}
	})
	r := w.succeed(s)[0]
	log := w.log(s)
	for _, leak := range []string{token, base64.StdEncoding.EncodeToString([]byte(token)), encoded, encoded[8:20]} {
		if strings.Contains(log, leak) {
			t.Errorf("%q is in the log:\n%s", leak, log)
		}
	}
	if !strings.Contains(log, "direct ***\n") || !strings.HasPrefix(log, "***\n") {
		t.Errorf("log:\n%s", log)
	}
	if got := r.Outputs["token"]; got != "***" {
		t.Errorf("output: %q", got)
	}
}

func TestNoSecretIsOnDiskWhileAStepRuns(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.agent("a", inDir(dir))
	const token = "s3cr3t-t0ken-value"
	w.secret("deploy", "token", token)
	s := w.script("secret", "echo \"$TOKEN ${{ secrets.TOKEN }}\"; touch printed; while test ! -e go; do sleep 0.05; done", func(s *protocol.Step) {
		s.SecretRefs = []protocol.SecretRef{{As: "TOKEN", Name: "deploy", Key: "token"}}
		s.Env = []protocol.EnvVar{{Name: "TOKEN", Secret: "TOKEN"}}
	})
	w.offer(s)
	w.untilFile(filepath.Join(dir, "workspaces", w.run, "files", "printed"))
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(raw), token) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("looked at %d files: %v", files, err)
	}
	w.write(filepath.Join(dir, "workspaces", w.run, "files", "go"), "")
	if got := w.result(s); got.Conclusion != protocol.Success {
		t.Errorf("result: %+v", got)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tasks")); err != nil || len(left) > 0 {
		w.until("the task's directory to go", func() bool { left, err := os.ReadDir(filepath.Join(dir, "tasks")); return err == nil && len(left) == 0 })
	}
}

func TestInvalidStepsFailWithTheField(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	for name, c := range map[string]struct {
		step            protocol.Step
		reason, message string
	}{
		"type":       {w.step("t1", "dance", nil), "InvalidStep", `type: "dance"`},
		"null":       {w.step("t0", "custom", nil, func(s *protocol.Step) { s.Context = nil }), "InvalidStep", "with.run: there is nothing to run"},
		"nothing":    {w.step("t2", "custom", with{}), "InvalidStep", "with.run: there is nothing to run"},
		"field":      {w.step("t3", "custom", with{"run": "true", "runn": "x"}), "InvalidStep", `unknown field "runn"`},
		"directory":  {w.step("t4", "custom", with{"run": "true", "workingDirectory": "../.."}), "NoSuchPath", "leads out of the workspace"},
		"missing":    {w.step("t5", "custom", with{"run": "true", "workingDirectory": "nowhere"}), "NoSuchPath", `"nowhere" is not a directory`},
		"expression": {w.step("t6", "custom", with{"run": "echo ${{ 1 + }}"}), "InvalidExpression", "with.run: column"},
		"outputs":    {w.script("t7", "printf 'a=1\\n\\nwhat\\n' >> $POWERNODE_OUTPUT"), "InvalidOutput", `outputs, line 3: "what"`},
		"name":       {w.script("t8", "echo '1a=1' >> $POWERNODE_OUTPUT"), "InvalidOutput", `outputs, line 1: "1a"`},
		"shell":      {w.step("t9", "custom", with{"run": "true", "shell": "no-such-shell"}), "StartFailed", "no-such-shell"},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.do(c.step)
			if r.Conclusion != protocol.Failure || r.Reason != c.reason || !strings.Contains(r.Message, c.message) {
				t.Errorf("result: %+v", r)
			}
		})
	}
}
