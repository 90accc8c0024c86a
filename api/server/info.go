package server

import (
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

const (
	requestIDHeader = "X-Request-Id"
	infoKey         = "powernode"
)

// info is what the log line, the metrics and the error answer of a request say
// about it; steps fill it in as they learn more.
type info struct {
	requestID string
	// user is who the request acts as, bearer whose credential it came with: another one
	// where it impersonates.
	user, bearer User
	permit       *permit
	verb         string
	resource     string // plural of a kind that is served
	target       target
	streaming    bool          // lasts by its nature: not for the histogram of durations
	stalled      time.Duration // see Limits
}

// infoOf is never nil.
func infoOf(c echo.Context) *info {
	if i, ok := c.Get(infoKey).(*info); ok {
		return i
	}
	i := &info{}
	c.Set(infoKey, i)
	return i
}

var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// identify takes the request's id from its header, or gives it one, and sends it back.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(requestIDHeader)
		if !requestIDForm.MatchString(id) {
			id = uuid.NewString()
		}
		infoOf(c).requestID = id
		c.Response().Header().Set(requestIDHeader, id)
		return next(c)
	}
}

// verbOf names what a resource request does, as RBAC and the metrics call it;
// empty when the method has no meaning there.
func verbOf(r *http.Request, t target) string {
	switch r.Method {
	case http.MethodGet:
		switch {
		case t.watching:
			return "watch"
		case t.name != "":
			return "get"
		case wantsWatch(r):
			return "watch"
		}
		return "list"
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if t.name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	return ""
}
