package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/powernode/powernode/api/runner"
)

// answerTime is how long an answer may take that the server has no reason to hold back.
const answerTime = 30 * time.Second

// Lease is the runner's side of one leased task: its id and the token that
// fences every call about it.
type Lease struct {
	Client *Client
	ID     string
	Token  string
}

// Lease asks for a step and waits for one as long as the request says; nil
// without an error means that there was nothing to do.
func (c *Client) Lease(ctx context.Context, request runner.LeaseRequest) (*runner.Assignment, error) {
	body, size, err := jsonBody(request)
	if err != nil {
		return nil, err
	}
	wait := time.Duration(request.WaitSeconds) * time.Second
	response, err := c.send(ctx, call{method: http.MethodPost, path: "/runner/v1/lease", body: body, size: size,
		header: map[string]string{"Content-Type": "application/json"}, limit: wait + answerTime})
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusNoContent {
		return nil, response.Body.Close()
	}
	assignment := &runner.Assignment{}
	if err := decode(response, http.StatusOK, assignment); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return assignment, nil
}

// Renew extends the lease. The answer comes after wait, or at once when the
// step is to be cancelled. An error that is Gone means that the lease is lost.
func (l *Lease) Renew(ctx context.Context, wait time.Duration) (runner.Renewal, error) {
	body, size, err := jsonBody(runner.RenewRequest{WaitSeconds: int(wait / time.Second)})
	if err != nil {
		return runner.Renewal{}, err
	}
	response, err := l.post(ctx, "/renew", call{body: body, size: size, limit: wait + answerTime}, "application/json")
	if err != nil {
		return runner.Renewal{}, err
	}
	var renewal runner.Renewal
	err = l.named("renew", decode(response, http.StatusOK, &renewal))
	return renewal, err
}

// AppendLog adds data at offset and returns the log's new end. When offset is
// not the end, it returns the end without an error and without having added
// anything: the caller goes on from there, whatever the end is.
func (l *Lease) AppendLog(ctx context.Context, offset int64, data []byte) (end int64, err error) {
	response, err := l.post(ctx, "/log?offset="+strconv.FormatInt(offset, 10),
		call{body: bytesBody(data), size: int64(len(data)), limit: answerTime}, "application/octet-stream")
	if err != nil {
		return 0, err
	}
	if response.StatusCode == http.StatusConflict {
		return l.logEnd(response)
	}
	var at runner.LogEnd
	err = l.named("log", decode(response, http.StatusOK, &at))
	return at.Offset, err
}

// logEnd tells the two meanings of 409 apart: the log ends elsewhere, or the lease is lost.
func (l *Lease) logEnd(response *http.Response) (int64, error) {
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return 0, l.named("log", err)
	}
	var at struct {
		Offset *int64 `json:"offset"`
	}
	if json.Unmarshal(raw, &at) == nil && at.Offset != nil {
		return *at.Offset, nil
	}
	return 0, l.named("log", parseStatus(http.StatusConflict, raw))
}

// Finish reports the result. Repeating the same result is no error.
func (l *Lease) Finish(ctx context.Context, result json.RawMessage) error {
	response, err := l.post(ctx, "/result", call{body: bytesBody(result), size: int64(len(result)), limit: answerTime}, "application/json")
	if err != nil {
		return err
	}
	return l.named("result", decode(response, http.StatusOK, nil))
}

// PutBlob uploads what open reads; open is called again for every try. size is
// the content's length.
func (l *Lease) PutBlob(ctx context.Context, size int64, open func() (io.ReadCloser, error)) (runner.Blob, error) {
	response, err := l.post(ctx, "/blobs", call{body: open, size: size}, "application/octet-stream")
	if err != nil {
		return runner.Blob{}, err
	}
	var blob runner.Blob
	err = l.named("blob", decode(response, http.StatusCreated, &blob))
	return blob, err
}

// OpenBlob reads a blob of the run that the task belongs to. The content is not
// checked against its digest. ErrNotFound when there is none.
func (l *Lease) OpenBlob(ctx context.Context, sha256 string) (io.ReadCloser, error) {
	response, err := l.Client.send(ctx, call{method: http.MethodGet, path: l.path("/blobs/" + url.PathEscape(sha256)), header: l.header("")})
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, l.named("blob "+sha256, statusError(response))
	}
	return response.Body, nil
}

func (l *Lease) post(ctx context.Context, path string, c call, contentType string) (*http.Response, error) {
	c.method, c.path, c.header = http.MethodPost, l.path(path), l.header(contentType)
	return l.Client.send(ctx, c)
}

func (l *Lease) path(rest string) string {
	return "/runner/v1/tasks/" + url.PathEscape(l.ID) + rest
}

func (l *Lease) header(contentType string) map[string]string {
	h := map[string]string{runner.TokenHeader: l.Token}
	if contentType != "" {
		h["Content-Type"] = contentType
	}
	return h
}

func (l *Lease) named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("task %s: %s: %w", l.ID, what, err)
}
