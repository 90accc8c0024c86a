package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// StatusError is an answer that refuses the call. It unwraps to the sentinel of
// package api that means the same.
type StatusError struct {
	metav1.Status
}

// Error is the server's own message.
func (e *StatusError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(int(e.Code)))
}

// Unwrap gives the sentinel; nil when none fits.
func (e *StatusError) Unwrap() error { return sentinel(e.Reason, int(e.Code)) }

// sentinel is the one table from Status to the errors of package api: by the
// reason where there is one, else by the code.
func sentinel(reason metav1.StatusReason, code int) error {
	switch reason {
	case metav1.StatusReasonNotFound:
		return api.ErrNotFound
	case metav1.StatusReasonAlreadyExists:
		return api.ErrExists
	case metav1.StatusReasonConflict:
		return api.ErrConflict
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonRequestEntityTooLarge:
		return api.ErrInvalid
	case metav1.StatusReasonExpired, metav1.StatusReasonGone:
		return api.ErrExpired
	case metav1.StatusReasonForbidden, metav1.StatusReasonUnauthorized:
		return api.ErrForbidden
	case metav1.StatusReasonServiceUnavailable:
		return api.ErrUnavailable
	case metav1.StatusReasonTooManyRequests:
		return api.ErrBusy
	case metav1.StatusReasonTimeout:
		return api.ErrAhead
	case metav1.StatusReasonUnknown:
		return byCode(code)
	}
	return nil
}

func byCode(code int) error {
	switch code {
	case http.StatusNotFound:
		return api.ErrNotFound
	case http.StatusConflict:
		return api.ErrConflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return api.ErrInvalid
	case http.StatusGone:
		return api.ErrExpired
	case http.StatusUnauthorized, http.StatusForbidden:
		return api.ErrForbidden
	case http.StatusServiceUnavailable:
		return api.ErrUnavailable
	case http.StatusTooManyRequests:
		return api.ErrBusy
	}
	return nil
}

// statusError reads a refusing answer to its end and closes it.
func statusError(response *http.Response) error {
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the answer %s: %w", response.Status, err)
	}
	return parseStatus(response.StatusCode, raw)
}

func parseStatus(code int, raw []byte) error {
	e := &StatusError{}
	if json.Unmarshal(raw, &e.Status) != nil || e.Kind != "Status" {
		e.Status = metav1.Status{Status: metav1.StatusFailure, Message: plain(code, raw)}
	}
	e.Code = int32(code)
	return e
}

// plain is the message of an answer that is no Status: a proxy's page, an empty body.
func plain(code int, raw []byte) string {
	text := strings.TrimSpace(string(raw))
	if text == "" || strings.HasPrefix(text, "<") || len(text) > 300 {
		return ""
	}
	return fmt.Sprintf("the server answered %d: %s", code, text)
}
