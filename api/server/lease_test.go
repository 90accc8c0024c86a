package server_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// candidate runs for leader until its context ends; a crash ends it without giving the lease back.
type candidate struct {
	name    string
	leads   atomic.Bool
	stop    context.CancelFunc
	stopped chan struct{}
}

func (h *harness) candidate(name string, release bool) *candidate {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &candidate{name: name, stop: cancel, stopped: make(chan struct{})}
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(h.config(), name))
	if err != nil {
		h.Fatal(err)
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: "default", Name: "painter"},
			Client:    client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		},
		LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
		ReleaseOnCancel: release,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { c.leads.Store(true) },
			OnStoppedLeading: func() { c.leads.Store(false) },
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	go func() { defer close(c.stopped); elector.Run(ctx) }()
	h.Cleanup(func() { cancel(); <-c.stopped })
	return c
}

func TestTheNextCandidateLeadsWhenTheLeaderIsGone(t *testing.T) {
	for name, release := range map[string]bool{"it gives the lease back": true, "it is killed": false} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			first := h.candidate("first", release)
			eventually(t, "a leader", first.leads.Load)
			second := h.candidate("second", release)
			lease := func() string {
				l, err := h.clients().CoordinationV1().Leases("default").Get(context.Background(), "painter", metav1.GetOptions{})
				if err != nil || l.Spec.HolderIdentity == nil {
					return ""
				}
				return *l.Spec.HolderIdentity
			}
			renewed := h.get("/apis/coordination.k8s.io/v1/namespaces/default/leases/painter").object(t).ResourceVersion
			eventually(t, "a renewal", func() bool {
				return h.get("/apis/coordination.k8s.io/v1/namespaces/default/leases/painter").object(t).ResourceVersion != renewed
			})
			first.stop()
			<-first.stopped
			eventually(t, "the next leader", second.leads.Load)
			eventually(t, "its lease", func() bool { return lease() == "second" })
		})
	}
}
