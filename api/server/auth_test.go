package server_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

func TestEverythingButHealthNeedsAToken(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/version", "/healthz", "/livez", "/readyz", "/health", "/health/live", "/health/ready"} {
		h.want(h.get(path, "Authorization", ""), 200)
	}
	for _, path := range []string{
		"/api", "/apis", "/api/v1", "/apis/test.powernode.io", widgets, widgets + "/a", widgets + "?watch=1", "/openapi/v3", "/metrics",
		"/runner/v1/tasks/x/blobs/y", "/nowhere", "/", "/healthz/x", "/version/",
	} {
		for _, header := range []string{"", "Bearer ", "Bearer wrong", adminToken, "Digest " + adminToken, "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:wrong"))} {
			got := h.get(path, "Authorization", header)
			h.refused(got, 401, metav1.StatusReasonUnauthorized, "token")
			if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: no WWW-Authenticate", path)
			}
		}
	}
	h.refused(h.post("/runner/v1/lease", "{}", "Authorization", ""), 401, metav1.StatusReasonUnauthorized, "token")
	h.want(h.get(widgets, "Authorization", "bearer "+adminToken), 200)
	h.want(h.get(widgets, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("x:"+adminToken))), 200)
}

func TestGroupsDecideWhereAUserMayGo(t *testing.T) {
	h := start(t)
	for token, want := range map[string][2]int{adminToken: {200, 204}, runnerToken: {403, 204}, guestToken: {403, 403}} {
		auth := []string{"Authorization", "Bearer " + token}
		h.want(h.get(widgets, auth...), want[0])
		h.want(h.post("/runner/v1/lease", `{"runner":"r"}`, auth...), want[1])
	}
	auth := []string{"Authorization", "Bearer " + runnerToken}
	h.refused(h.get(widgets, auth...), 403, metav1.StatusReasonForbidden,
		`widgets.test.powernode.io is forbidden: User "runner-1" cannot list resource "widgets" in API group "test.powernode.io" in the namespace "default"`)
	h.refused(h.get("/api/v1/secrets?watch=1", auth...), 403, metav1.StatusReasonForbidden, `cannot watch resource "secrets" in API group "" at the cluster scope`)
	h.refused(h.get("/metrics", auth...), 403, metav1.StatusReasonForbidden, `cannot get path "/metrics"`)
}

func TestRequestsHaveIDs(t *testing.T) {
	h := start(t)
	if got := h.get("/livez", "X-Request-Id", "mine-1").header.Get("X-Request-Id"); got != "mine-1" {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 200)} {
		if got := h.get("/livez", "X-Request-Id", bad).header.Get("X-Request-Id"); len(got) != 36 {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

func TestWhatIsNotThereIsAStatusToo(t *testing.T) {
	h := start(t)
	for _, path := range []string{
		"/", "/nowhere", "/api/v2", "/apis/nobody.io", "/apis/nobody.io/v1", "/apis/test.powernode.io/v1/gadgets", widgets + "/a/log", widgets + "/a/status/x",
		"/api/v1/namespaces/default/namespaces", "/apis/test.powernode.io/v1/widgets/a", "/openapi/v3/apis/nobody.io/v1", "/runner/v1/nothing",
	} {
		h.refused(h.get(path), 404, metav1.StatusReasonNotFound, "the server could not find the requested resource")
	}
	for path, method := range map[string]string{"/version": "POST", "/api": "DELETE", widgets: "OPTIONS", widgets + "/a": "POST", "/apis/test.powernode.io/v1": "POST", allWidgets: "DELETE"} {
		h.refused(h.do(method, path, "{}"), 405, metav1.StatusReasonMethodNotAllowed, "not supported")
	}
}

func TestErrorsOfTheStore(t *testing.T) {
	bad := &flakyStore{}
	var lines bytes.Buffer
	h := start(t, func(c *server.Config) {
		bad.Store, c.Store = c.Store, bad
		c.Log = slog.New(slog.NewTextHandler(&lines, nil))
	})
	h.widget("a", 1)
	for _, c := range []struct {
		err    error
		code   int
		reason metav1.StatusReason
		text   string
		retry  string // of an update; a create is never to be repeated
	}{
		{api.ErrUnknownOutcome, 504, metav1.StatusReasonTimeout, "the outcome of the write is not known", "1"},
		{api.ErrForbidden, 403, metav1.StatusReasonForbidden, "forbidden", ""},
		{errors.New("connection to 10.0.0.7 lost"), 500, metav1.StatusReasonInternalError, "see the server's log for request", ""},
	} {
		err := fmt.Errorf("write: %w", c.err)
		bad.failure.Store(&err)
		got := h.merge(widgets+"/a", `{"spec":{"size":7}}`)
		h.refused(got, c.code, c.reason, c.text)
		if strings.Contains(got.body, "10.0.0.7") || got.header.Get("Retry-After") != c.retry {
			t.Errorf("%v: got %s %v", c.err, got, got.header)
		}
		if got := h.post(widgets, widgetBody("b", 1)); got.code != c.code || got.header.Get("Retry-After") != "" {
			t.Errorf("%v: create: got %s %v", c.err, got, got.header)
		}
	}
	if !strings.Contains(lines.String(), "connection to 10.0.0.7 lost") {
		t.Errorf("not in the log: %s", lines.String())
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	h := start(t, func(c *server.Config) {
		c.Admission = map[string]api.Admission{widgetKind: nil}
		c.Subresources = map[string]map[string]api.Subresource{widgetKind: {"log": nil}}
	})
	h.widget("a", 1)
	h.refused(h.get(widgets+"/a/log"), 500, metav1.StatusReasonInternalError, "see the server's log")
	h.want(h.get(widgets), 200)
}

// Neither bodies nor tokens get into the log.
func TestTheLogKeepsSecrets(t *testing.T) {
	var lines bytes.Buffer
	h := start(t, func(c *server.Config) {
		c.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h.want(h.post("/api/v1/namespaces/default/secrets?dryRun=All", `{"metadata":{"name":"s"},"stringData":{"k":"hunter2"}}`, "X-Request-Id", "the-one"), 201)
	h.want(h.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"},"data":{"k":"hunter2!"}}`), 422)
	h.want(h.post("/api/v1/namespaces/default/secrets", `{"stringData": hunter2}`), 400)
	log := lines.String()
	contains(t, "log", log, "request_id=the-one", "user=admin", "verb=create", "status=201", "path=/api/v1/namespaces/default/secrets")
	if strings.Contains(log, "hunter2") || strings.Contains(log, adminToken) {
		t.Errorf("secrets in the log: %s", log)
	}
}

func TestMetricsCount(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	h.want(h.get(widgets+"/b"), 404)
	w := h.stream(widgets + "?watch=1")
	w.next("ADDED")
	got := h.want(h.get("/metrics"), 200)
	contains(t, "metrics", got.body,
		`powernode_api_requests_total{code="201",resource="widgets",verb="create"} 1`,
		`powernode_api_requests_total{code="404",resource="widgets",verb="get"} 1`,
		`powernode_api_request_duration_seconds_count{resource="widgets",verb="create"} 1`,
		`powernode_api_watches{resource="widgets"} 1`)
}
