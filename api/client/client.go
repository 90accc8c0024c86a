// Package client speaks the API of a Powernode server over HTTP: the runner
// protocol, and the Status documents that errors arrive as. It exists so that
// the program on the far side (a runner on another machine) needs nothing but an
// address and a token.
//
// A call is tried again, with growing pauses, as long as its context lives and
// the server can't be reached or says that it is busy; every call of the runner
// protocol may be repeated safely. The package refuses to know what a
// step is or how it is executed.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/powernode/powernode/api"
)

// Client calls one server. The zero value with Server set is ready; all methods
// are safe for concurrent use.
type Client struct {
	// Server is the address: https://host:port.
	Server string
	// Token is the bearer token; it may be empty for a server that asks for none.
	Token string
	// HTTP carries the calls; nil is http.DefaultClient.
	HTTP *http.Client
	// Unreachable, when set, is told of every try that failed and will be repeated.
	Unreachable func(err error, pause time.Duration)
}

// HTTPClient makes the http.Client of a server whose certificate is signed by
// the authorities in caFile (PEM); with an empty caFile the system's count.
func HTTPClient(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	if caFile == "" {
		return &http.Client{Transport: transport}, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authorities: %s holds no PEM certificate", caFile)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport}, nil
}

// call is one request that can be sent any number of times.
type call struct {
	method, path string
	header       map[string]string
	// body makes the request's body anew for each try; nil is none. size is its
	// length, -1 when that is not known.
	body func() (io.ReadCloser, error)
	size int64
	// limit is how long one try may take, answer included; 0 is as long as it takes.
	limit time.Duration
}

func jsonBody(v any) (func() (io.ReadCloser, error), int64, error) {
	raw, err := json.Marshal(v)
	return bytesBody(raw), int64(len(raw)), err
}

func bytesBody(raw []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
}

// send tries the call until an answer below 500 (429 excepted) arrives or ctx
// ends. The caller closes the answer's body.
func (c *Client) send(ctx context.Context, call call) (*http.Response, error) {
	for try := 0; ; try++ {
		response, err := c.once(ctx, call)
		if err == nil && !busy(response.StatusCode) {
			return response, nil
		}
		wait := pause(try)
		if err == nil {
			wait = max(wait, retryAfter(response.Header))
			err = statusError(response)
		}
		if errors.Is(err, errBody) {
			return nil, err
		}
		if ctx.Err() == nil && c.Unreachable != nil {
			c.Unreachable(err, wait)
		}
		if !sleep(ctx, wait) {
			return nil, fmt.Errorf("%s %s: %w (%w)", call.method, call.path, context.Cause(ctx), err)
		}
	}
}

// errBody marks a failure on our own side of the wire, which no retry helps.
var errBody = errors.New("reading what is to be sent")

func (c *Client) once(ctx context.Context, call call) (*http.Response, error) {
	cancel := context.CancelFunc(func() {})
	if call.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, call.limit)
	}
	request, err := c.request(ctx, call)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	response, err := c.http().Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = &body{ReadCloser: response.Body, cancel: cancel}
	return response, nil
}

func (c *Client) request(ctx context.Context, call call) (*http.Request, error) {
	var content io.ReadCloser
	if call.body != nil {
		var err error
		if content, err = call.body(); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, call.method, strings.TrimRight(c.Server, "/")+call.path, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		request.ContentLength = call.size
		if call.size == 0 {
			request.Body = http.NoBody
		}
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for name, value := range call.header {
		request.Header.Set(name, value)
	}
	return request, nil
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return http.DefaultClient
}

// body ends the try's time limit when the answer has been read.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// decode reads a JSON answer of the wanted code into v; anything else is an error.
func decode(response *http.Response, code int, v any) error {
	if response.StatusCode != code {
		return statusError(response)
	}
	defer response.Body.Close()
	if v == nil {
		_, err := io.Copy(io.Discard, response.Body)
		return err
	}
	if err := json.NewDecoder(response.Body).Decode(v); err != nil {
		return fmt.Errorf("%s: the answer is not what a Powernode server says: %w", response.Request.URL.Path, err)
	}
	return nil
}

// Gone reports whether err says that what was asked for is no longer the
// caller's: it does not exist or another holds it.
func Gone(err error) bool { return errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) }
