package examples

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/powernode/powernode/examples/chaos"
)

// shared is a world that several servers look after: DockerHosts, whose engines tell who asks them.
type shared struct {
	*cluster
	engines   chaos.Engines
	endpoints []string
	round     int // of changes

	mu     sync.Mutex
	frozen map[string]time.Time // when those who were frozen went on
}

const sharedHosts = 24

// startShared starts servers and hosts.
func startShared(t *testing.T, servers int) *shared {
	w := &shared{cluster: startCluster(t, servers), frozen: map[string]time.Time{}}
	w.engines.Who, w.engines.Slow = childAt, 10*time.Millisecond
	w.endpoints = w.engines.Start(sharedHosts)
	t.Cleanup(w.engines.Close)
	w.change(0)
	return w
}

// change gives every host another spec.
func (w *shared) change(by int) {
	w.t.Helper()
	w.round++
	var all strings.Builder
	for i, endpoint := range w.endpoints {
		fmt.Fprintf(&all, "---\n%s", manifest("DockerHost", fmt.Sprint("host-", i), fmt.Sprintf("  endpoint: %s\n  syncIntervalSeconds: %d\n", endpoint, 1000+w.round)))
	}
	w.servers[by].apply(all.String())
}

// settles waits until the status of every host speaks of its present spec, and tells how long that took.
func (w *shared) settles(what string, by int) {
	w.t.Helper()
	began := time.Now()
	eventually(w.t, what, func() error {
		var list struct {
			Items []struct {
				Metadata struct {
					Name       string
					Generation int64
				}
				Status struct {
					Phase              string
					ObservedGeneration int64
				}
			}
		}
		out, err := w.servers[by].try("pnctl", "get", "dh", "-o", "json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return err
		}
		if len(list.Items) != sharedHosts {
			return fmt.Errorf("%d hosts", len(list.Items))
		}
		for _, h := range list.Items {
			if h.Status.ObservedGeneration != h.Metadata.Generation || h.Status.Phase != "connected" {
				return fmt.Errorf("%s is %s, at generation %d of %d", h.Metadata.Name, h.Status.Phase, h.Status.ObservedGeneration, h.Metadata.Generation)
			}
		}
		return nil
	})
	w.t.Logf("%s after %.1fs", what, time.Since(began).Seconds())
}

// excused is who has just been frozen: what it was about to ask when it was stopped, it asks when
// it goes on, before it can know that it was taken for dead.
func (w *shared) excused(who string, at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	since, ok := w.frozen[who]
	return ok && at.Before(since.Add(10*time.Second))
}

// Controllers on several servers: whoever is killed, frozen or stopped is replaced, nothing is
// worked on by two at a time, and all that was wished comes true.
func TestUnderFaultsControllersTakeOver(t *testing.T) {
	w := startShared(t, 3)
	w.settles("all hosts are connected", 0)

	// One dies and one stands still at the same time: the third does it all.
	w.servers[1].kill()
	w.signal(w.servers[2], syscall.SIGSTOP)
	frozen := fmt.Sprint("process ", w.servers[2].cmd.Process.Pid)
	defer w.signal(w.servers[2], syscall.SIGCONT)
	w.change(0)
	w.settles("one of three servers does it all", 0)
	w.mu.Lock()
	w.frozen[frozen] = time.Now()
	w.mu.Unlock()
	w.signal(w.servers[2], syscall.SIGCONT)
	w.restart(1)
	w.change(1)
	w.settles("three servers do it again", 1)

	// One leaves.
	w.servers[0].stop()
	w.change(1)
	w.settles("the others take over from who leaves", 1)
	w.restart(0)
	w.change(0)
	w.settles("who is back takes part", 0)

	for _, p := range w.engines.Overlaps(w.excused) {
		t.Error(p)
	}
	eventually(t, "one server follows the events of each host", func() error {
		if wrong := w.engines.Followers(); len(wrong) > 0 {
			return fmt.Errorf("%q", wrong)
		}
		return nil
	})
	t.Logf("asked: %v", w.engines.Asked())
}
