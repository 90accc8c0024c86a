package examples

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// crashPoint is a place at which a server is made to fail.
type crashPoint struct {
	at    string
	doing func() scene // what the server is about then
	first string       // what has to fail for a server to come there; "" is nothing
}

// crashPoints are the places at which a server is made to fail: all that there are.
func crashPoints() []crashPoint {
	return []crashPoint{
		// A request, and the commit of what it writes.
		{"request.before", aConfigMap, ""},
		{"request.after", swap, ""},
		{"commit.before", swap, ""},
		{"commit.after", aConfigMap, ""},
		{"memory.before", swap, ""},
		{"memory.after", aConfigMap, ""},
		{"resolve.before", swap, "commit.after=error@1"},
		{"resolve.after", aConfigMap, "commit.after=error@1"},
		{"sealing.before", aSecret, ""},
		{"sealing.after", aSecret, ""},
		{"record.before", refusal, ""},
		{"record.after", refusal, ""},
		{"listen.after", swap, ""},
		{"follow.before", swap, ""},
		{"follow.after", aConfigMap, ""},
		// The passes of a controller.
		{"read.before", worked, ""},
		{"read.after", worked, ""},
		{"finalizer.before", worked, ""},
		{"finalizer.after", worked, ""},
		{"controller.before", worked, ""},
		{"controller.after", worked, ""},
		{"status.before", worked, ""},
		{"status.after", worked, ""},
		{"event.before", worked, ""},
		{"event.after", worked, ""},
		{"release.before", released, ""},
		{"release.after", released, ""},
		// The membership of those who run controllers.
		{"join.before", begun, ""},
		{"join.after", begun, ""},
		{"claim.before", begun, ""},
		{"claim.after", begun, ""},
		{"handover.before", ended, ""},
		{"handover.after", ended, ""},
		{"leave.before", ended, ""},
		{"leave.after", ended, ""},
		// The world outside.
		{"docker.create.before", contained, ""},
		{"docker.create.after", contained, ""},
		{"docker.start.before", contained, ""},
		{"docker.start.after", contained, ""},
		{"docker.stop.before", uncontained, ""},
		{"docker.stop.after", uncontained, ""},
		{"docker.remove.before", uncontained, ""},
		{"docker.remove.after", uncontained, ""},
		{"task.before", ran, ""},
		{"task.after", ran, ""},
		{"runner.lease.after", ran, ""},
		{"runner.begin.before", ran, ""},
		{"runner.begin.after", ran, ""},
		{"runner.report.before", ran, ""},
		{"runner.report.after", ran, ""},
	}
}

// soaking reports whether this is the long form of the tests, which make soak runs.
func soaking() bool { return os.Getenv("POWERNODE_SOAK") != "" }

// inShort are the points of the short form: of each thing that is done, one.
func inShort(at string) bool {
	return slices.Contains([]string{
		"commit.before", "commit.after", "memory.before", "resolve.before", "sealing.after", "record.after", "follow.before", "read.after", "finalizer.after",
		"controller.after", "status.after", "release.before", "claim.after", "handover.before", "docker.create.after", "docker.remove.before", "task.after", "runner.report.before",
	}, at)
}

// A server that is killed right before or after anything that lasts leaves it done or not done, never half;
// whoever got no answer may ask again; and what was wanted comes to be.
func TestKilledAtAnyPointNothingIsHalfDone(t *testing.T) {
	c := startCrashing(t)
	for i, point := range crashPoints() {
		if !soaking() && !inShort(point.at) {
			continue
		}
		name := fmt.Sprint("crash-", i)
		t.Run(point.at, func(t *testing.T) {
			doing := point.doing()
			c.t = t
			if doing.before != nil {
				doing.before(c, name)
			}
			c.arm(point.first, point.at+"=exit")
			doing.do(c, name)
			c.died(point.at)
			c.arm()
			c.launch()
			c.ready()
			doing.again(c, name)
		})
		c.t = t
		if t.Failed() {
			break
		}
	}
	c.pnctl("audit", "verify")
}

// What fails without an end of the process is tried again, or told to the caller, and comes to the same.
func TestFailingOnceAtAnyPointNothingIsHalfDone(t *testing.T) {
	if !soaking() {
		t.Skip("long: make soak runs it")
	}
	c := startCrashing(t)
	c.failing = true
	errs := hitsOf(t, `Hit|After`)
	for i, point := range crashPoints() {
		if !slices.Contains(errs, point.at) {
			continue
		}
		for _, at := range []string{"error@1", "error@2", "error@3"} {
			name := fmt.Sprintf("fail-%d-%s", i, at[len(at)-1:])
			t.Run(point.at+"="+at, func(t *testing.T) {
				doing := point.doing()
				c.t = t
				if doing.before != nil {
					doing.before(c, name)
				}
				c.arm(point.first, point.at+"="+at)
				doing.do(c, name)
				if c.ending() {
					c.launch()
				}
				c.ready()
				doing.again(c, name)
				c.arm()
			})
			c.t = t
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	c.pnctl("audit", "verify")
}

// No place is forgotten: all that are in the program are in the table, and the other way round.
func TestEveryFailpointIsTried(t *testing.T) {
	tried := map[string]bool{}
	for _, point := range crashPoints() {
		tried[point.at] = true
	}
	there := hitsOf(t, `Hit|At|After`)
	for _, name := range there {
		if !tried[name] {
			t.Errorf("the failpoint %s is not in crashPoints", name)
		}
		delete(tried, name)
	}
	for _, name := range slices.Sorted(maps.Keys(tried)) {
		t.Errorf("there is no failpoint %s", name)
	}
}

// hitsOf lists the names at which a function of package failpoint is called; each stands in one place.
func hitsOf(t *testing.T, function string) (names []string) {
	t.Helper()
	call := regexp.MustCompile(`failpoint\.(?:` + function + `)\("([^"]+)"`)
	for _, top := range []string{"../api", "../cmd", "../controllers", "../reconcile", "../store"} {
		err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, found := range call.FindAllSubmatch(source, -1) {
				if name := string(found[1]); slices.Contains(names, name) {
					t.Errorf("the failpoint %s stands in two places", name)
				} else {
					names = append(names, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
