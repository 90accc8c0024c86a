package client_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/client"
	"github.com/powernode/powernode/api/runner"
)

// answer is what a scripted server says to one request.
type answer struct {
	code   int
	body   string
	header map[string]string
	abort  bool // cut the connection instead
}

// scripted serves the answers in order, the last one for ever, and counts requests.
func scripted(t *testing.T, answers ...answer) (*client.Client, *atomic.Int32) {
	t.Helper()
	var count atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[min(int(count.Add(1)), len(answers))-1]
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		if a.abort {
			panic(http.ErrAbortHandler)
		}
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.code)
		fmt.Fprint(w, a.body)
	}))
	t.Cleanup(web.Close)
	return &client.Client{Server: web.URL + "/", Token: "t"}, &count
}

func status(code int, reason, message string) answer {
	raw, _ := json.Marshal(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
	return answer{code: code, body: string(raw)}
}

func TestErrorsAreTheSentinels(t *testing.T) {
	for _, c := range []struct {
		answer answer
		want   error
		text   string
	}{
		{status(404, "NotFound", "no such task"), api.ErrNotFound, "no such task"},
		{status(409, "Conflict", "held by another"), api.ErrConflict, "held by another"},
		{status(409, "AlreadyExists", "there"), api.ErrExists, "there"},
		{status(422, "Invalid", "spec.x: Required"), api.ErrInvalid, "spec.x: Required"},
		{status(400, "BadRequest", "what?"), api.ErrInvalid, "what?"},
		{status(413, "RequestEntityTooLarge", "too large"), api.ErrInvalid, "too large"},
		{status(410, "Expired", "old"), api.ErrExpired, "old"},
		{status(401, "Unauthorized", "who?"), api.ErrForbidden, "who?"},
		{status(403, "Forbidden", "no"), api.ErrForbidden, "no"},
		{answer{code: 404, body: "<html>404</html>"}, api.ErrNotFound, "the server answered 404 Not Found"},
		{answer{code: 418, body: "short and stout"}, nil, "the server answered 418: short and stout"},
	} {
		c2, _ := scripted(t, c.answer)
		_, err := (&client.Lease{Client: c2, ID: "id", Token: "tok"}).Renew(t.Context(), 0)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.HasSuffix(err.Error(), "task id: renew: "+c.text) {
			t.Errorf("%d %s: %v", c.answer.code, c.answer.body, err)
		}
		if want := c.answer.code == 404 || c.want == api.ErrConflict; client.Gone(err) != want {
			t.Errorf("%v: gone is %t", err, !want)
		}
	}
}

func TestCallsAreRepeatedWhileTheServerIsAway(t *testing.T) {
	c, count := scripted(t, answer{abort: true}, status(503, "ServiceUnavailable", "starting"), status(500, "InternalError", "?"), answer{code: 502, body: "<html>"},
		status(429, "TooManyRequests", "slow down"), answer{code: 200, body: `{"cancel":true}`})
	var told atomic.Int32
	c.Unreachable = func(err error, _ time.Duration) {
		if err == nil {
			t.Error("told of no error")
		}
		told.Add(1)
	}
	got, err := (&client.Lease{Client: c, ID: "id", Token: "tok"}).Renew(t.Context(), 0)
	if err != nil || !got.Cancel || count.Load() != 6 || told.Load() != 5 {
		t.Errorf("%+v %v after %d requests, told %d times", got, err, count.Load(), told.Load())
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	c, _ := scripted(t, answer{code: 429, header: map[string]string{"Retry-After": "1"}}, answer{code: 200, body: `{}`})
	begin := time.Now()
	if _, err := (&client.Lease{Client: c, ID: "id"}).Renew(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("tried again after %s", took)
	}
}

func TestTheContextEndsTheTries(t *testing.T) {
	c, _ := scripted(t, status(503, "ServiceUnavailable", "starting"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Lease(ctx, runner.LeaseRequest{Runner: "r"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "starting") {
		t.Errorf("error: %v", err)
	}
}

func TestLease(t *testing.T) {
	c, _ := scripted(t, answer{code: 204}, answer{code: 200, body: `{"id":"a.b.1","token":"tok","leaseSeconds":30,"step":{"name":"b"}}`}, answer{code: 200, body: `<html>`})
	if got, err := c.Lease(t.Context(), runner.LeaseRequest{}); got != nil || err != nil {
		t.Errorf("nothing to do: %v %v", got, err)
	}
	if got, err := c.Lease(t.Context(), runner.LeaseRequest{}); err != nil || got.ID != "a.b.1" || got.Step.Name != "b" {
		t.Errorf("a step: %v %v", got, err)
	}
	if _, err := c.Lease(t.Context(), runner.LeaseRequest{}); err == nil || !strings.Contains(err.Error(), "not what a Powernode server says") {
		t.Errorf("another server: %v", err)
	}
}

func TestLogTellsAnEndFromALostLease(t *testing.T) {
	c, _ := scripted(t, answer{code: 409, body: `{"offset":7}`}, status(409, "Conflict", "held by another"), answer{code: 200, body: `{"offset":12}`})
	l := &client.Lease{Client: c, ID: "id", Token: "tok"}
	if end, err := l.AppendLog(t.Context(), 3, []byte("x")); end != 7 || err != nil {
		t.Errorf("another end: %d %v", end, err)
	}
	if _, err := l.AppendLog(t.Context(), 3, []byte("x")); !client.Gone(err) {
		t.Errorf("a lost lease: %v", err)
	}
	if end, err := l.AppendLog(t.Context(), 11, []byte("x")); end != 12 || err != nil {
		t.Errorf("added: %d %v", end, err)
	}
}

func TestAnUploadIsSentWholeAtEveryTry(t *testing.T) {
	const content = "the content"
	var tries atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil || string(raw) != content || r.ContentLength != int64(len(content)) {
			t.Errorf("got %q of %d: %v", raw, r.ContentLength, err)
		}
		if r.Header.Get("Authorization") != "Bearer t" || r.Header.Get(runner.TokenHeader) != "tok" || r.URL.Path != "/runner/v1/tasks/a.b.1/blobs" {
			t.Errorf("request: %s %v", r.URL, r.Header)
		}
		if tries.Add(1) == 1 {
			w.WriteHeader(503)
			return
		}
		w.WriteHeader(201)
		fmt.Fprint(w, `{"sha256":"abc","size":11}`)
	}))
	defer web.Close()
	l := &client.Lease{Client: &client.Client{Server: web.URL, Token: "t"}, ID: "a.b.1", Token: "tok"}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
	if blob, err := l.PutBlob(t.Context(), int64(len(content)), open); err != nil || blob.SHA256 != "abc" || tries.Load() != 2 {
		t.Errorf("%+v %v after %d tries", blob, err, tries.Load())
	}
	broken := func() (io.ReadCloser, error) { return nil, errors.New("the disk is gone") }
	if _, err := l.PutBlob(t.Context(), 1, broken); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("a content that can't be read: %v", err)
	}
}

func TestHTTPClientTrustsTheGivenAuthorities(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"cancel":true}`) }))
	defer web.Close()
	web.Config.ErrorLog = nil
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trusting, err := client.HTTPClient(ca)
	if err != nil {
		t.Fatal(err)
	}
	l := &client.Lease{Client: &client.Client{Server: web.URL, HTTP: trusting}, ID: "id"}
	if got, err := l.Renew(t.Context(), 0); err != nil || !got.Cancel {
		t.Errorf("with the authority: %v %v", got, err)
	}
	if _, err := client.HTTPClient(os.Args[0]); err == nil || !strings.Contains(err.Error(), "holds no PEM certificate") {
		t.Errorf("a file without certificates: %v", err)
	}
}
