package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// Namespace is where everything happens; it must exist.
const Namespace = "chaos"

const collection = "/api/v1/namespaces/" + Namespace + "/configmaps"

// Node is one server of the cluster, wherever it listens in its present life.
type Node struct {
	Name string
	at   atomic.Pointer[endpoint]
}

type endpoint struct{ url, token string }

// Serve says where the node answers from now on.
func (n *Node) Serve(url, token string) { n.at.Store(&endpoint{url, token}) }

// Verdict is what a client may conclude from the answer to a write.
type Verdict string

// The verdicts: it was done; it was refused for the state that the object is in; nothing was
// done, as the server could not; nobody knows.
const (
	Done    Verdict = "done"
	Refused Verdict = "refused"
	Nothing Verdict = "nothing"
	Unknown Verdict = "unknown"
)

// answer is what came back from one attempt at one server.
type answer struct {
	verdict Verdict
	code    int // 0 without an answer
	object  Object
}

// newHTTP never follows up on its own: each attempt is one request.
func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}}
}

// call makes one attempt; the body of an answer below 300 is read into the object.
func call(ctx context.Context, c *http.Client, n *Node, method, path string, body any) answer {
	resp, err := send(ctx, c, n, method, path, body, nil)
	if err != nil {
		return answer{verdict: verdictOfError(err)}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	a := answer{verdict: verdictOf(resp.StatusCode), code: resp.StatusCode}
	if a.verdict == Done && (err != nil || json.Unmarshal(data, &a.object) != nil) {
		a.verdict = Unknown // the answer broke off
	}
	return a
}

// send is one request; header may be nil.
func send(ctx context.Context, c *http.Client, n *Node, method, path string, body any, header http.Header) (*http.Response, error) {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(data)
	}
	to := n.at.Load()
	req, err := http.NewRequestWithContext(ctx, method, to.url+path, payload)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Authorization", "Bearer "+to.token)
	req.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/merge-patch+json")
	}
	return c.Do(req)
}

// verdictOf reads a status code as strictly as clients do: 429 and 503 promise that nothing
// was done, other errors of the server promise nothing.
func verdictOf(code int) Verdict {
	switch {
	case code < 300:
		return Done
	case code == http.StatusConflict || code == http.StatusNotFound:
		return Refused
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return Nothing
	}
	return Unknown
}

// verdictOfError: only a server that was never reached has done nothing for certain.
func verdictOfError(err error) Verdict {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return Nothing
	}
	return Unknown
}

// revision is a resourceVersion as a number.
func revision(version string) (int64, error) {
	r, err := strconv.ParseInt(version, 10, 64)
	if err != nil || r <= 0 {
		return 0, fmt.Errorf("the resourceVersion %q is no number", version)
	}
	return r, nil
}
