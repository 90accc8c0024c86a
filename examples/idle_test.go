package examples

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// idleFor is the window in which nothing may happen: longer than every pause
// between two looks that anybody takes at the store or at the engine.
func idleFor() time.Duration {
	if soaking() {
		return time.Minute
	}
	return 35 * time.Second
}

// idleWorld is something of everything, all of it at rest. The host does not sync the
// engine's counts of containers and images into its status, as other tests move them.
const idleWorld = `
apiVersion: powernode.io/v1
kind: DockerHost
metadata: {name: local}
spec: {endpoint: "unix:///var/run/docker.sock", autoSync: false, syncIntervalSeconds: 30}
---
apiVersion: powernode.io/v1
kind: ContainerInstance
metadata: {name: idle-service}
spec: {hostRef: {name: local}, image: %[1]s, args: [serve, ":8080"], pullPolicy: Never, run: Service}
---
apiVersion: powernode.io/v1
kind: ContainerInstance
metadata: {name: idle-job}
spec: {hostRef: {name: local}, image: %[1]s, args: [job, done], pullPolicy: Never}
---
apiVersion: powernode.io/v1
kind: Pipeline
metadata: {name: idle}
spec:
  triggers: {schedule: [{cron: "0 0 29 2 *", timezone: UTC}]}
  steps: [{name: only, type: custom, with: {run: "echo done"}}]
---
apiVersion: powernode.io/v1
kind: Pipeline
metadata: {name: skipping}
spec:
  concurrency: {policy: Allow}
  steps: [{name: only, type: custom, if: "${{ false }}", with: {run: "echo never"}}]
`

func TestNothingIsWrittenWhileNothingChanges(t *testing.T) {
	name := image(t)
	s := startServer(t)
	t.Cleanup(func() { s.pnctl("delete", "ci", "--all", "--timeout="+deadline.String()) })
	s.apply(fmt.Sprintf(idleWorld, name))
	s.waitFor("jsonpath={.status.phase}=running", "ci/idle-service")
	s.waitFor("jsonpath={.status.phase}=completed", "ci/idle-job")
	s.waitFor("jsonpath={.status.phase}=success", strings.TrimSpace(s.pnctl("run", "idle", "-o", "name")))
	uids := []string{s.get("ci/idle-service", ".metadata.uid"), s.get("ci/idle-job", ".metadata.uid")}
	for i := range s.gather(name) {
		object := fmt.Sprint("ci/idle-", i)
		s.waitFor("jsonpath={.status.phase}=running", object)
		uids = append(uids, s.get(object, ".metadata.uid"))
	}

	since := s.settled()
	before, busy := s.written(), s.cpu()
	time.Sleep(idleFor())
	if after := s.written(); after != before {
		t.Errorf("rows inserted, updated or deleted, by table: %q before, %q after %s of rest", before, after, idleFor())
	}
	computed := s.cpu() - busy
	t.Logf("%s objects at rest: in %s the server computed %.2f s, %.2f %% of a processor", s.count(), idleFor(), computed, 100*computed/idleFor().Seconds())
	if events := changes(t, since, time.Now(), uids...); len(events) > 0 {
		t.Errorf("the engine was changed:\n%s", strings.Join(events, "\n"))
	}

	// Both measures work: they see what is done now.
	marked := time.Now()
	run(t, "docker rm -f "+containers(t, uids[0], false)[0])
	eventually(t, "the service is back and that is counted", func() error {
		if s.written() == before || len(containers(t, uids[0], false)) != 1 {
			return errors.New("not yet")
		}
		return nil
	})
	if len(changes(t, marked, time.Now(), uids[0])) == 0 {
		t.Error("the engine's changes are not seen")
	}
}

// tellTime is how late an idle PostgreSQL backend may tell what it has counted
// (PGSTAT_IDLE_INTERVAL, 10 seconds), and some.
const tellTime = 12 * time.Second

// restWithin is how long it may take until all that was asked for is done.
func restWithin() time.Duration {
	if soaking() {
		return 10 * time.Minute
	}
	return deadline
}

// settled waits until the store has been at rest for a while, as work that is
// over may still be cleared up, and tells from when on.
func (s *server) settled() (since time.Time) {
	s.t.Helper()
	former, last, since := "", "", time.Now()
	for end := time.Now().Add(restWithin()); time.Since(since) < tellTime; time.Sleep(time.Second / 2) {
		if now := s.written(); now != last {
			former, last, since = last, now, time.Now()
		}
		if time.Now().After(end) {
			s.t.Fatalf("the store does not come to rest: rows written by table, up to %s ago:\n%s\nand before that:\n%s", time.Since(since), last, former)
		}
	}
	return since
}

// written counts, by table, the rows that were ever inserted, updated or deleted, up to tellTime ago.
func (s *server) written() string {
	s.t.Helper()
	const query = `SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables
		WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname`
	return s.psql(query)
}

// psql runs a query on the server's private PostgreSQL.
func (s *server) psql(query string) string {
	s.t.Helper()
	dsn := "postgres:///?host=" + s.dir + "/postgres/run&user=powernode&dbname=postgres"
	out, err := exec.Command("psql", "-X", "-A", "-t", dsn, "-c", query).CombinedOutput()
	if err != nil {
		s.t.Fatalf("psql: %v\n%s", err, out)
	}
	return string(out)
}

// count is how many objects there are.
func (s *server) count() string { return strings.TrimSpace(s.psql("SELECT count(*) FROM objects")) }

// changes lists what happened to the engine's containers of some objects
// between two moments. Looks at a container are no events.
func changes(t *testing.T, from, to time.Time, uids ...string) (events []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	moment := func(at time.Time) string { return strconv.FormatFloat(float64(at.UnixNano())/1e9, 'f', 9, 64) }
	out, err := exec.CommandContext(ctx, "docker", "events", "--since", moment(from), "--until", moment(to), "--filter", "label=powernode.io/uid").Output()
	if err != nil {
		t.Fatalf("docker events: %v", err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		if slices.ContainsFunc(uids, func(uid string) bool { return strings.Contains(lines.Text(), "powernode.io/uid="+uid) }) {
			events = append(events, lines.Text())
		}
	}
	return events
}
