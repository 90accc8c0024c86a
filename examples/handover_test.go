package examples

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServersShareTheWorkAndTakeOver: of three servers one is killed, one stalls and one is stopped, while
// containers are made, on several hosts, so that each server has some. Every object comes to what it should
// be, and no container is there twice.
func TestServersShareTheWorkAndTakeOver(t *testing.T) {
	name := image(t)
	c := startCluster(t, 3)
	const hosts = 3
	api := func(i int) *server { return c.servers[i] }
	made := 0
	// more makes an instance on each host, through a server, and returns once all run.
	more := func(through int) {
		t.Helper()
		var manifests []string
		for host := range hosts {
			manifests = append(manifests, fmt.Sprintf(serviceOn, host, made, name))
			made++
		}
		began := time.Now()
		api(through).apply(strings.Join(manifests, "---"))
		api(through).pnctl("wait", "--for=jsonpath={.status.phase}=running", "ci", "--all", "--timeout="+deadline.String())
		t.Logf("%d instances run after %v", hosts, time.Since(began).Round(time.Second/10))
	}

	var manifests []string
	for host := range hosts {
		manifests = append(manifests, fmt.Sprintf(sharedHost, host))
	}
	api(0).apply(strings.Join(manifests, "---"))
	c.membersBecome(3)
	more(0)

	api(0).kill()
	more(1)
	c.membersBecome(2)

	stalled := api(1).cmd.Process
	signal(t, stalled, syscall.SIGSTOP)
	t.Cleanup(func() { _ = stalled.Signal(syscall.SIGCONT) })
	more(2)
	c.membersBecome(1)
	signal(t, stalled, syscall.SIGCONT) // it finds out, and begins anew
	c.membersBecome(2)
	if !strings.Contains(api(1).said(1000), "no member any more") {
		t.Errorf("the stalled server does not know that it was taken for dead")
	}

	api(0).start()
	c.membersBecome(3)
	api(2).stop()
	if left, err := c.psql(`SELECT count(*) FROM members`); err != nil || strings.TrimSpace(left) != "2" {
		t.Errorf("after an orderly stop there are %s members, want 2: it has not left (%v)", left, err)
	}
	c.membersBecome(2)
	more(0)

	uids := strings.Fields(api(0).pnctl("get", "ci", "-o", `jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}`))
	if len(uids) != made {
		t.Errorf("%d instances, want %d", len(uids), made)
	}
	for _, uid := range uids {
		if all := containers(t, uid, true); len(all) != 1 {
			t.Errorf("instance %s has containers %v, want one", uid, all)
		}
	}
	api(0).pnctl("delete", "ci", "--all", "--timeout=2m")
	for _, uid := range uids {
		if all := containers(t, uid, true); len(all) != 0 {
			t.Errorf("left behind: %v", all)
		}
	}
}

const sharedHost = `
apiVersion: powernode.io/v1
kind: DockerHost
metadata: {name: shared-%d}
spec: {endpoint: "unix:///var/run/docker.sock"}
`

const serviceOn = `
apiVersion: powernode.io/v1
kind: ContainerInstance
metadata: {name: shared-%[2]d}
spec:
  hostRef: {name: shared-%[1]d}
  image: %[3]s
  args: [serve, ":8080"]
  pullPolicy: Never
  run: Service
`

func signal(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// shares tells how many members there are, and how many of them own slots.
func (c *cluster) shares() (members, owners int) {
	c.t.Helper()
	out, err := c.psql(`SELECT (SELECT count(*) FROM members), count(DISTINCT owner) FROM slots HAVING count(owner) = 1024`)
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = fmt.Sscanf(out, "%d|%d", &members, &owners) // nothing while some slots are free
	return members, owners
}

// membersBecome waits until so many members own all slots among them.
func (c *cluster) membersBecome(n int) {
	c.t.Helper()
	began := time.Now()
	eventually(c.t, fmt.Sprintf("%d members share all slots", n), func() error {
		if members, owners := c.shares(); members != n || owners != n {
			return fmt.Errorf("%d members, %d own slots", members, owners)
		}
		return nil
	})
	c.t.Logf("%d members share all slots after %v more", n, time.Since(began).Round(time.Second/10))
}
