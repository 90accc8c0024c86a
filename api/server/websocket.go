package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/store"
)

const (
	protocolHeader = "Sec-WebSocket-Protocol"
	// tokenProtocol begins the subprotocol that carries a bearer token, in base64url without
	// padding: a browser can give a WebSocket no header of its own.
	tokenProtocol = "base64url.bearer.authorization.k8s.io."
)

// isWebSocket reports whether the client wants to go on with the WebSocket protocol.
func isWebSocket(r *http.Request) bool {
	return headerHas(r, "Connection", "upgrade") && headerHas(r, "Upgrade", "websocket")
}

func headerHas(r *http.Request, name, word string) bool {
	for _, value := range r.Header.Values(name) {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}

// subprotocols are those that the client offers, but for the one with its token.
func subprotocols(r *http.Request) (offered []string, token string, err error) {
	for _, value := range r.Header.Values(protocolHeader) {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			encoded, ok := strings.CutPrefix(name, tokenProtocol)
			switch {
			case !ok && name != "":
				offered = append(offered, name)
			case !ok:
			case token != "":
				return nil, "", errors.New("there is more than one token among the subprotocols")
			default:
				if token, err = decodeToken(encoded); err != nil {
					return nil, "", err
				}
			}
		}
	}
	if token != "" && len(offered) == 0 {
		return nil, "", errors.New("offer a subprotocol beside the one with the token, which the server can answer with")
	}
	return offered, token, nil
}

func decodeToken(encoded string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(raw) == 0 || !utf8.Valid(raw) {
		return "", fmt.Errorf("the subprotocol %sTOKEN wants the token in base64url without padding", tokenProtocol)
	}
	return string(raw), nil
}

// mayConnect refuses pages of other sites, and what is no proper handshake, with a Status.
func mayConnect(r *request) error {
	if _, _, err := subprotocols(r.http); err != nil {
		return apierrors.NewBadRequest("WebSocket: " + err.Error())
	}
	if r.http.ProtoMajor != 1 || r.http.Header.Get("Sec-WebSocket-Version") != "13" || r.http.Header.Get("Sec-WebSocket-Key") == "" {
		return apierrors.NewBadRequest("WebSocket: the handshake must be that of version 13, over HTTP/1.1")
	}
	origin := r.http.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.http.Host) {
		return apierrors.NewForbidden(schema.GroupResource{}, "", fmt.Errorf("WebSocket: a page of %s may not connect to %s", origin, r.http.Host))
	}
	return nil
}

// webSocket sends each event as a text frame, as Kubernetes does. What the client sends is
// read and dropped.
type webSocket struct {
	r       *request
	cancel  func() // ends the watch
	beat    time.Duration
	stalled time.Duration
	conn    *websocket.Conn
	stop    func()
	ended   chan struct{}   // closed when nothing is read any more
	pinging context.Context // over when the watch or the connection is: no answer is waited for then
	hush    func()          // ends pinging
}

// frameMost is the largest frame that a client, which has nothing to say, may send.
const frameMost = 4 << 10

func (w *webSocket) open() error {
	offered, _, err := subprotocols(w.r.http)
	if err != nil {
		return err
	}
	options := &websocket.AcceptOptions{Subprotocols: offered, InsecureSkipVerify: true} // mayConnect looked at the origin
	if w.conn, err = websocket.Accept(w.r.echo.Response(), w.r.http, options); err != nil {
		return err
	}
	w.conn.SetReadLimit(frameMost)
	w.ended = make(chan struct{})
	w.pinging, w.hush = context.WithCancel(context.Background())
	go w.read()
	w.stop = every(w.beat, w.ping)
	return nil
}

// read notices that the client closes or is gone, and answers its pings.
func (w *webSocket) read() {
	defer close(w.ended)
	defer w.cancel()
	defer w.hush()
	for {
		_, message, err := w.conn.Reader(context.Background()) // until the connection is closed
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, message); err != nil {
			return
		}
	}
}

// ping ends the watch of a client that does not answer in time.
func (w *webSocket) ping() {
	ctx, cancel := context.WithTimeout(w.pinging, w.stalled)
	defer cancel()
	if w.conn.Ping(ctx) != nil && w.pinging.Err() == nil {
		_ = w.conn.CloseNow() // ends the reading too
	}
}

func (w *webSocket) send(line []byte, _ store.Revision) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.stalled)
	defer cancel()
	return w.conn.Write(ctx, websocket.MessageText, bytes.TrimSuffix(line, []byte("\n")))
}

func (w *webSocket) forget() error { return nil }
func (w *webSocket) flush() error  { return nil }

// close says why: 1000 at the end of its time, 1001 when the server stops, 1008 when it may not be
// read any more, 1011 after an error, which the last event tells.
func (w *webSocket) close(why error) {
	if w.conn == nil {
		return
	}
	w.hush()
	w.stop()
	code, reason := closeCode(why)
	_ = w.conn.Close(code, reason)
	<-w.ended
}

func closeCode(why error) (websocket.StatusCode, string) {
	switch {
	case why == nil:
		return websocket.StatusNormalClosure, "the watch is over"
	case errors.Is(why, errDrained):
		return websocket.StatusGoingAway, errDrained.Error()
	case apierrors.IsForbidden(why), apierrors.IsUnauthorized(why):
		return websocket.StatusPolicyViolation, string(apierrors.ReasonForError(why))
	}
	return websocket.StatusInternalError, "see the last event"
}
