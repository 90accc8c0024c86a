package pipelinerun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
)

// reader is a client of a subresource that remembers what it was sent.
type reader struct {
	mu     sync.Mutex
	got    bytes.Buffer
	header http.Header
	done   chan struct{}
	err    error
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.Write(p)
}

func (r *reader) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

// follow starts to read a log; it ends with the test.
func (b *bench) follow(run, query string) *reader {
	b.t.Helper()
	r := &reader{header: http.Header{}, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/log?"+query, nil)
	obj := b.Object(v1.PipelineRun, "default/"+run)
	go func() {
		defer close(r.done)
		r.err = Log(b.logs, b.Store)(r, request, obj, "")
	}()
	b.t.Cleanup(func() { cancel(); <-r.done })
	b.Settle()
	return r
}

// log reads what there is now.
func (b *bench) log(run, query string) (string, error) {
	b.t.Helper()
	w := httptest.NewRecorder()
	err := Log(b.logs, b.Store)(w, httptest.NewRequest(http.MethodGet, "/log?"+query, nil), b.Object(v1.PipelineRun, "default/"+run), "")
	return w.Body.String(), err
}

func (j *job) say(text string) {
	j.b.t.Helper()
	stream := runner.LogStream(j.step.RunUID, j.step.Name, j.step.Attempt)
	end, _ := j.b.logs.Append(j.b.t.Context(), stream, 1<<40, nil)
	if _, err := j.b.logs.Append(j.b.t.Context(), stream, end, []byte(text)); err != nil {
		j.b.t.Fatal(err)
	}
	synctest.Wait()
}

func TestAFollowedLogGoesOnFromStepToStep(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b", "c: if: 'false'"))
		b.run("p", "r")
		r := b.follow("r", "follow=true")
		a := b.next("a")
		a.say("one\ntw")
		b.Advance(2 * time.Second)
		if got := r.String(); got != "[a] one\n[a] tw" {
			t.Errorf("%q", got)
		}
		a.say("o")
		a.succeed()
		second := b.next("b")
		second.say("three\n")
		second.succeed()
		b.Advance(5 * time.Second)
		<-r.done
		if got := r.String(); r.err != nil || got != "[a] one\n[a] two\n[b] three\n" {
			t.Errorf("%q, %v", got, r.err)
		}
	})
}

func TestAFollowedStepGoesOnThroughItsAttempts(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a: retries: {limit: 1}", "b"))
		b.run("p", "r")
		r := b.follow("r", "step=a&follow=true")
		first := b.next("a")
		first.say("first\n")
		first.fail(1)
		b.Advance(time.Minute)
		again := b.next("a")
		again.say("again\n")
		b.Advance(time.Minute)
		again = &job{b: b, state: b.next("a").state, step: again.step} // its lease ran out
		again.succeed()
		b.Advance(5 * time.Second)
		<-r.done
		if got := r.String(); r.err != nil || got != "first\nagain\n" {
			t.Errorf("%q, %v", got, r.err)
		}
		for query, want := range map[string]string{
			"step=a":                    "again\n",
			"step=a&attempt=1":          "first\n",
			"step=a&attempt=1&offset=2": "rst\n",
			"step=a&offset=100":         "",
			"step=b":                    "",
			"":                          "[a] again\n",
			"step=a&attempt=1&follow=1": "first\n",
			"step=a&tailLines=0":        "",
			"tailLines=5":               "[a] again\n",
		} {
			if got, err := b.log("r", query); got != want || err != nil {
				t.Errorf("%s: %q, %v, want %q", query, got, err, want)
			}
		}
	})
}

func TestTailLines(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		j := b.next("a")
		var all strings.Builder
		for i := range 20000 {
			all.WriteString(strings.Repeat("x", i%9) + "\n")
		}
		j.say(all.String() + "last but one\nlast")
		for n, want := range map[string]string{"1": "last", "2": "last but one\nlast", "30000": all.String() + "last but one\nlast"} {
			if got, err := b.log("r", "step=a&tailLines="+n); got != want || err != nil {
				t.Errorf("%s lines: %.60q, %v", n, got, err)
			}
		}
		j.say("\n")
		if got, _ := b.log("r", "step=a&tailLines=1"); got != "last\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestAFollowerOfARunThatIsDeletedIsReleased(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		r := b.follow("r", "follow=true")
		b.Delete(v1.PipelineRun, "default/r")
		b.Advance(5 * time.Second)
		<-r.done
		if r.err != nil {
			t.Error(r.err)
		}
	})
}

func TestWrongQuestionsAboutALog(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		for query, want := range map[string]string{
			"step=z":           `PipelineRun/default/r has no step "z": not found`,
			"tailLines=x":      `tailLines: "x" is not a number from 0 on: invalid`,
			"step=a&offset=-1": `offset: "-1" is not a number from 0 on: invalid`,
			"follow=maybe":     `follow: "maybe" is neither true nor false: invalid`,
			"offset=3":         "attempt and offset need a step: invalid",
		} {
			_, err := b.log("r", query)
			if err == nil || err.Error() != want || !errors.Is(err, api.ErrInvalid) && !errors.Is(err, api.ErrNotFound) {
				t.Errorf("%s: %v, want %s", query, err, want)
			}
		}
	})
}

func TestArtifacts(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b"))
		b.run("p", "r")
		j := b.next("a")
		sha, size, err := b.blobs.Put(t.Context(), j.step.RunUID, strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		j.finish(runner.Result{Conclusion: runner.Success, Artifacts: []runner.Artifact{
			{Name: "dist", Blob: runner.Blob{SHA256: sha, Size: size}, Files: 2},
			{Name: "bad", Blob: runner.Blob{SHA256: sha[:63] + "x", Size: size}, Files: 2},
		}})
		next := b.next("b")
		if a := next.step.Artifacts; len(a) != 2 || a[0].Name != "dist" || a[0].Step != "a" || a[0].SHA256 != sha {
			t.Errorf("the next step sees %+v", a)
		}
		w, err := b.artifact("dist")
		if err != nil || w.Body.String() != "content" {
			t.Fatalf("%q, %v", w.Body, err)
		}
		h := w.Header()
		if h.Get("Content-Disposition") != "attachment; filename=dist.tar.gz" || h.Get("Content-Length") != "7" ||
			h.Get("ETag") != `"`+sha+`"` || h.Get("Repr-Digest") != "sha-256=:7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=:" {
			t.Errorf("%v", h)
		}
		if _, err := b.artifact("none"); !errors.Is(err, api.ErrNotFound) || err.Error() != `PipelineRun/default/r has no artifact "none": not found` {
			t.Error(err)
		}
		list, _ := b.artifact("")
		var items struct{ Items []v1.RunArtifact }
		if err := json.Unmarshal(list.Body.Bytes(), &items); err != nil || len(items.Items) != 2 || items.Items[0].Files != 2 {
			t.Errorf("%s", list.Body)
		}
	})
}

func (b *bench) artifact(name string) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	return w, Artifacts(b.blobs)(w, httptest.NewRequest(http.MethodGet, "/", nil), b.Object(v1.PipelineRun, "default/r"), name)
}

func TestADamagedArtifactIsNeverWhole(t *testing.T) {
	var got bytes.Buffer
	err := copyChecked(&got, strings.NewReader("damaged"), 7, v1.RunArtifact{Name: "a", SHA256: strings.Repeat("0", 64)})
	if err == nil || !strings.Contains(err.Error(), "artifact a is damaged") || got.Len() >= 7 {
		t.Errorf("%v after %d bytes", err, got.Len())
	}
}
