package examples

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/examples/chaos"
)

// What a run is made of.
const (
	chaosServers   = 2
	chaosWriters   = 16
	chaosFollowers = 64
)

// chaosSeed decides what goes wrong when. POWERNODE_CHAOS_SEED repeats a run.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("POWERNODE_CHAOS_SEED")
	if text == "" {
		text = strconv.FormatInt(time.Now().UnixNano()%1_000_000, 10)
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("POWERNODE_CHAOS_SEED: %v", err)
	}
	t.Logf("to repeat this run: POWERNODE_CHAOS_SEED=%d", seed)
	return seed
}

// chaosTime is how long things go wrong at least; each goes wrong once in any case. make soak sets it.
func chaosTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("POWERNODE_CHAOS_TIME")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("POWERNODE_CHAOS_TIME: %v", err)
	}
	return d
}

// Whatever is killed, cut off, frozen or restarted: no watch leaves anything out, nothing that was
// acknowledged is lost, and each object behaves as if there were one server with one client.
func TestUnderFaultsNoWatchLiesAndNoWriteIsLost(t *testing.T) {
	seed, length := chaosSeed(t), chaosTime(t)
	c := startCluster(t, chaosServers)
	history, err := chaos.Begin(t.Context(), c.nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	load := &chaos.Load{Nodes: c.nodes, Seed: seed, Writers: chaosWriters, Follow: chaosFollowers, Pause: 40 * time.Millisecond}
	load.Start(t.Context())
	t.Cleanup(load.Stop)
	c.holdTransaction()
	began := time.Now()
	sorts := chaos.Sorts()
	for i, fault := range chaos.Plan(seed, len(c.nodes), 1000, sorts) {
		if i >= len(sorts) && time.Since(began) > length {
			break
		}
		t.Logf("%5.1fs %s", time.Since(began).Seconds(), fault)
		c.breaks(fault)
	}

	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	last, err := load.Quiesce(ctx)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all followers are told everything", func() error { return load.Behind(last) })
	load.Stop()
	c.judge(load, history, last)
}

// judge compares everybody's notes with what has happened.
func (c *cluster) judge(load *chaos.Load, history *chaos.History, last int64) {
	t := c.t
	t.Helper()
	c.remember("0")
	if err := history.Read(t.Context(), c.nodes[0], last); err != nil {
		t.Fatal(err)
	}
	t.Log(load.Summary(history))
	t.Logf("answers: %s", strings.Join(load.Record.Answers(), ", "))
	if logged := c.logged(history, last); !slices.Equal(logged, history.Revisions()) {
		t.Errorf("the log of changes has %d revisions, the history that was watched %d", len(logged), len(history.Revisions()))
	}
	listed := map[string][]chaos.Object{}
	for _, n := range c.nodes {
		objects, err := chaos.List(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		listed[n.Name] = objects
	}
	for what, problems := range map[string][]string{
		"followers": chaos.CheckFollowers(load.Followers, history),
		"ends":      chaos.CheckEnds(load.Followers, listed),
		"writes":    chaos.CheckWrites(load.Record, history),
		"counters":  chaos.CheckCounters(load.Record, listed[c.nodes[0].Name]),
		"objects":   chaos.CheckObjects(load.Record, filepath.Join(t.ArtifactDir(), "chaos")),
		"answers":   chaos.CheckAnswers(load.Record),
	} {
		for _, p := range problems {
			t.Errorf("%s: %s", what, p)
		}
	}
}
