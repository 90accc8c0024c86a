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
	w.engines.Who = childAt
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

// atWork has engines be slow and every host changed, and returns when the servers that are given ask some.
func (w *shared) atWork(by int, slow time.Duration, servers ...int) {
	w.t.Helper()
	w.engines.Slow(slow)
	w.change(by)
	eventually(w.t, "servers are at work", func() error {
		for _, i := range servers {
			if w.engines.Waiting(w.process(i)) == 0 {
				return fmt.Errorf("server %d asks nothing", i)
			}
		}
		return nil
	})
}

// process names the present life of a server as the engines do.
func (w *shared) process(i int) string { return fmt.Sprint("process ", w.servers[i].cmd.Process.Pid) }

// freeze stops a server, and returns what has it go on.
func (w *shared) freeze(i int) (thaw func()) {
	w.t.Helper()
	w.signal(w.servers[i], syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() {
		w.mu.Lock()
		w.frozen[w.process(i)] = time.Now()
		w.mu.Unlock()
		w.signal(w.servers[i], syscall.SIGCONT)
	})
	w.t.Cleanup(thaw)
	return thaw
}

// owners makes objects that others belong to.
func (w *shared) owners() {
	w.t.Helper()
	for i := range 4 {
		name := fmt.Sprint("owner-", i)
		w.servers[0].pnctl("create", "configmap", name)
		uid := w.servers[0].get("configmap/"+name, ".metadata.uid")
		w.servers[0].apply(fmt.Sprintf(dependents, name, uid))
	}
}

const dependents = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: of-%[1]s
  labels: {part: dependents}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: %[1]s, uid: %[2]s}]
`

// gone waits until what belonged to the owners has gone with them.
func (w *shared) gone(by int) {
	w.t.Helper()
	eventually(w.t, "what belonged to others goes with them", func() error {
		out, err := w.servers[by].try("pnctl", "get", "configmap", "-l", "part=dependents", "-o", "name")
		if err == nil && strings.Contains(out, "configmap/") {
			err = fmt.Errorf("left: %s", out)
		}
		return err
	})
}
