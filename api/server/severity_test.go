package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// brokenPolls are tasks whose long polls end with an error when their context does, as those in
// a database may. polled takes one for each.
type brokenPolls struct {
	store.Tasks
	polled chan struct{}
}

func (b brokenPolls) Renew(ctx context.Context, id, _ string, _ time.Duration) (runner.TaskState, error) {
	b.polled <- struct{}{}
	<-ctx.Done()
	return runner.TaskState{}, fmt.Errorf("renew %s: %w", id, ctx.Err())
}

// startLogged makes a server on a store that fails as asked for; logged is all that it said.
func startLogged(t *testing.T) (h *harness, failing *flakyStore, polled <-chan struct{}, logged *syncBuffer) {
	failing, logged = &flakyStore{Store: &memory.Store{}}, newSyncBuffer()
	broken := brokenPolls{polled: make(chan struct{}, 1)}
	h = start(t, func(c *server.Config) {
		broken.Tasks, c.Tasks = c.Tasks, broken
		c.Store = failing
		c.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	return h, failing, broken.polled, logged
}

func TestAStoreThatIsAwayAsksToTryAgain(t *testing.T) {
	h, failing, _, logged := startLogged(t)
	away := fmt.Errorf("write Widget a: nothing was written: %w: dial tcp 10.1.2.3:5432", api.ErrUnavailable)
	failing.failure.Store(&away)
	got := h.post(widgets, widgetBody("a", 1))
	status := h.refused(got, 503, metav1.StatusReasonServiceUnavailable, api.ErrUnavailable.Error())
	if got.header.Get("Retry-After") != "1" || status.Details.RetryAfterSeconds != 1 {
		t.Errorf("Retry-After %q, %+v", got.header.Get("Retry-After"), status.Details)
	}
	if strings.Contains(got.body, "10.1.2.3") {
		t.Errorf("the answer tells where the database is: %s", got.body)
	}
	contains(t, "log", logged.String(), "level=ERROR", "10.1.2.3:5432")

	busy := fmt.Errorf("write Widget a: %w", api.ErrBusy)
	failing.failure.Store(&busy)
	if got = h.post(widgets, widgetBody("a", 1)); got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q of a full queue", got.header.Get("Retry-After"))
	}
	h.refused(got, 429, metav1.StatusReasonTooManyRequests, api.ErrBusy.Error())

	lost := fmt.Errorf("write Widget a: %w: %w", api.ErrUnknownOutcome, api.ErrUnavailable)
	failing.failure.Store(&lost)
	got = h.post(widgets, widgetBody("a", 1))
	h.refused(got, 504, metav1.StatusReasonTimeout, api.ErrUnknownOutcome.Error())
	if got.header.Get("Retry-After") != "" {
		t.Error("a create that may have happened is to be repeated")
	}
}

// TestAClientThatGoesAwayIsNoError is of a runner whose step ended during its long poll.
func TestAClientThatGoesAwayIsNoError(t *testing.T) {
	h, _, polled, logged := startLogged(t)
	ctx, cancel := context.WithCancel(t.Context())
	req := h.request("POST", "/runner/v1/tasks/u1.build.1/renew", `{"waitSeconds":30}`, "Authorization", "Bearer "+runnerToken)
	ended := make(chan error, 1)
	go func() {
		_, err := h.transport().RoundTrip(req.WithContext(ctx))
		ended <- err
	}()
	<-polled
	cancel()
	if err := <-ended; err == nil {
		t.Error("answered")
	}
	eventually(t, "the request is over", func() bool { return strings.Contains(logged.String(), "/renew") })
	if strings.Contains(logged.String(), "level=ERROR") {
		t.Errorf("logged:\n%s", logged)
	}
}

func TestAServerThatDrainsSaysSo(t *testing.T) {
	h, _, _, logged := startLogged(t)
	h.server.Drain()
	h.refused(h.call("POST", "/tasks/u1.build.1/renew", `{"waitSeconds":30}`, ""), 503, metav1.StatusReasonServiceUnavailable, "the server is stopping")
	if strings.Contains(logged.String(), "level=ERROR") {
		t.Errorf("logged:\n%s", logged)
	}
}

// Every holder of a Lease renews it every few seconds: who reads the ordinary log is spared that.
func TestOnlyTheLifeOfALeaseIsInTheOrdinaryLog(t *testing.T) {
	h, _, _, logged := startLogged(t)
	const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
	h.want(h.post(leases, `{"metadata":{"name":"a"},"spec":{"holderIdentity":"x"}}`), 201)
	renewed := h.merge(leases+"/a", `{"spec":{"holderIdentity":"y"}}`)
	h.want(renewed, 200)
	h.want(h.do("PUT", leases+"/a", strings.Replace(renewed.body, `"y"`, `"z"`, 1)), 200)
	h.want(h.do("PUT", leases+"/a", `{"metadata":{"name":"a","resourceVersion":"1"}}`), 409)
	h.want(h.do("DELETE", leases+"/a", ""), 200)
	for _, want := range []string{"INFO verb=create status=201", "DEBUG verb=patch status=200", "DEBUG verb=update status=200", "INFO verb=update status=409", "INFO verb=delete status=200"} {
		level, rest, _ := strings.Cut(want, " ")
		verb, status, _ := strings.Cut(rest, " ")
		found := func() bool {
			for line := range strings.Lines(logged.String()) {
				if strings.Contains(line, "level="+level+" ") && strings.Contains(line, verb+" path="+leases) && strings.Contains(line, status+" ") {
					return true
				}
			}
			return false
		}
		eventually(t, want+" in the log", found)
	}
}
