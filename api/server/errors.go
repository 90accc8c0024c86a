package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/api"
)

// errTooLarge is a body over the limit.
var errTooLarge = errors.New("the body is too large")

// fail answers with the Status of an error. It is echo's error handler, so
// everything that any step returns comes by here.
func (s *Server) fail(err error, c echo.Context) {
	i := infoOf(c)
	status := statusOf(err, i)
	if status.Code >= http.StatusInternalServerError {
		s.cfg.Log.Log(c.Request().Context(), s.severity(c, err), "request failed", "request_id", i.requestID, "user", i.user.Name,
			"verb", i.verb, "path", c.Request().URL.Path, "error", err.Error())
	}
	if c.Request().Context().Err() != nil {
		status = &clientGone
	}
	if c.Response().Committed {
		return
	}
	if seconds := retryAfter(status); seconds > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	body, err := json.Marshal(status)
	if err != nil {
		s.cfg.Log.Error("encode status", "request_id", i.requestID, "error", err.Error())
		return
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	h.Del(echo.HeaderContentLength)
	h.Del(echo.HeaderContentEncoding)
	c.Response().WriteHeader(int(status.Code))
	_, _ = c.Response().Write(append(body, '\n')) // the client may be gone
}

// severity is that of a request that failed for no fault of its own: a client that went
// away, a server that stops or a revision still to come are nobody's error.
func (s *Server) severity(c echo.Context, err error) slog.Level {
	if c.Request().Context().Err() != nil || s.streams.draining() || errors.Is(err, api.ErrAhead) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// clientGone is what metrics and log show of a request whose client did not wait for the
// answer; nobody reads it.
var clientGone = metav1.Status{
	TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
	Status:   metav1.StatusFailure, Code: 499, Message: "the client went away",
}

func retryAfter(status *metav1.Status) int {
	if status.Details == nil {
		return 0
	}
	return int(status.Details.RetryAfterSeconds)
}

// statusOf turns any error into what the client is told of it.
func statusOf(err error, i *info) *metav1.Status {
	status := statusError(err, i).Status()
	status.Kind, status.APIVersion = "Status", "v1"
	return &status
}

// statusError is the one table from errors to Status. What it does not know is
// an internal error whose text stays in the log.
func statusError(err error, i *info) apierrors.APIStatus {
	gr := schema.GroupResource{Group: i.target.group, Resource: i.target.resource}
	name := i.target.name
	var known apierrors.APIStatus
	var fromEcho *echo.HTTPError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &fromEcho):
		return ofEcho(fromEcho, gr, i.verb)
	case errors.Is(err, api.ErrNotFound):
		return apierrors.NewNotFound(gr, name)
	case errors.Is(err, api.ErrExists):
		return apierrors.NewAlreadyExists(gr, name)
	case errors.Is(err, api.ErrConflict):
		return apierrors.NewConflict(gr, name, api.ErrConflict)
	case errors.Is(err, api.ErrForbidden):
		return mayNot(gr, name, err)
	case errors.Is(err, api.ErrInvalid):
		return apierrors.NewBadRequest(err.Error())
	case errors.Is(err, api.ErrExpired):
		return apierrors.NewResourceExpired(expired)
	case errors.Is(err, api.ErrAhead):
		return tooLargeVersion()
	case errors.Is(err, api.ErrUnknownOutcome): // before those that say that nothing happened
		return unknownOutcome(i.verb)
	case errors.Is(err, api.ErrUnavailable):
		return unavailable(api.ErrUnavailable.Error())
	case errors.Is(err, api.ErrBusy):
		return apierrors.NewTooManyRequests(api.ErrBusy.Error(), 1)
	case errors.Is(err, api.ErrUnreadable):
		return apierrors.NewInternalError(err)
	case errors.Is(err, errTooLarge):
		return apierrors.NewRequestEntityTooLargeError(err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return apierrors.NewTimeoutError("the request did not complete in time", retryIn(i.verb))
	}
	return apierrors.NewInternalError(fmt.Errorf("see the server's log for request %s", i.requestID))
}

const expired = "The provided resource version is too old: the history that it needs is no longer kept. Read again without it."

// ofEcho translates the router's own errors.
func ofEcho(err *echo.HTTPError, gr schema.GroupResource, verb string) *apierrors.StatusError {
	switch err.Code {
	case http.StatusNotFound:
		return noSuchPath()
	case http.StatusMethodNotAllowed:
		return apierrors.NewMethodNotSupported(gr, verb)
	case http.StatusRequestEntityTooLarge:
		return apierrors.NewRequestEntityTooLargeError(errTooLarge.Error())
	}
	return apierrors.NewGenericServerResponse(err.Code, verb, gr, "", fmt.Sprint(err.Message), 0, false)
}

// noSuchPath is a path that means nothing; a name that is not there is NewNotFound.
func noSuchPath() *apierrors.StatusError {
	return apierrors.NewGenericServerResponse(http.StatusNotFound, "", schema.GroupResource{}, "", "", 0, false)
}

// mayNot gives the reason without repeating that it is forbidden.
func mayNot(gr schema.GroupResource, name string, err error) *apierrors.StatusError {
	reason := strings.TrimPrefix(err.Error(), api.ErrForbidden.Error()+": ")
	return apierrors.NewForbidden(gr, name, errors.New(reason))
}

// unavailable asks to try again: nothing was done.
func unavailable(why string) *apierrors.StatusError {
	err := apierrors.NewServiceUnavailable(why)
	err.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: 1}
	return err
}

// unknownOutcome never asks for an automatic repeat of a create: with a generated
// name that would make a second object.
func unknownOutcome(verb string) *apierrors.StatusError {
	return apierrors.NewTimeoutError(api.ErrUnknownOutcome.Error(), retryIn(verb))
}

// retryIn is after how many seconds a client may repeat, by itself, what may have happened; 0 for never.
func retryIn(verb string) int {
	if verb == "create" {
		return 0
	}
	return 1
}

func tooLargeVersion() *apierrors.StatusError {
	err := apierrors.NewTimeoutError("Too large resource version", 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version",
	}}
	return err
}

// wrongFormat is a 406 or 415 that lists what would do.
func wrongFormat(code int32, reason metav1.StatusReason, message string, accepted []string) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason,
		Message: message + " - accepted media types include: " + strings.Join(accepted, ", "),
	}}
}

func unsupportedMedia(r *http.Request, accepted ...string) error {
	return wrongFormat(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
		fmt.Sprintf("the body of the request was in an unknown format (%s)", mediaType(r)), accepted)
}

func notAcceptable(r *http.Request, accepted ...string) error {
	return wrongFormat(http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable,
		fmt.Sprintf("the answer can't be given as %q", strings.Join(r.Header.Values("Accept"), ", ")), accepted)
}
