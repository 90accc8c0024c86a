package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/api/rbac"
)

// authorize lets a request through that its user may make: everything is denied that no rule
// allows. Of masters nobody asks.
func (s *Server) authorize(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if open(c.Request().URL.Path) {
			return next(c)
		}
		i := infoOf(c)
		a := attributesOf(c.Request(), i.user)
		if err := s.allowed(c.Request().Context(), a); err != nil {
			return err
		}
		i.permit.needs = append(i.permit.needs, a)
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), permitKey{}, i.permit)))
		return next(c)
	}
}

// allowed is nil when the user may do it, else the answer to one who may not.
func (s *Server) allowed(ctx context.Context, a *rbac.Attributes) error {
	d, err := s.decide(ctx, a)
	if err != nil || d.Allowed {
		return err
	}
	return forbidden(a, d.Reason())
}

// verdict is a decision and its reason, those of masters included.
type verdict struct {
	Allowed bool
	Reason  func() string
}

func (s *Server) decide(ctx context.Context, a *rbac.Attributes) (verdict, error) {
	if slices.Contains(a.User.Groups, Masters) {
		return verdict{true, func() string { return "a member of " + Masters + " may do everything" }}, nil
	}
	policy, err := s.policy.now(ctx)
	if err != nil {
		return verdict{}, err
	}
	d := policy.Allows(a)
	return verdict{d.Allowed, d.Reason}, nil
}

// forbidden says what the user may not do, in the words of Kubernetes.
func forbidden(a *rbac.Attributes, reason string) error {
	denied := a.Denied()
	if reason != "" {
		denied += ": " + reason
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.Group, Resource: a.Resource}, a.Name, errors.New(denied))
}

// attributesOf says what a request wants to do. The path is taken apart as the handlers do it.
func attributesOf(r *http.Request, user User) *rbac.Attributes {
	a := &rbac.Attributes{User: rbacUser(user)}
	t, ok := parsePath(r.URL.Path)
	if !ok || t.resource == "" {
		a.Verb, a.Path = strings.ToLower(r.Method), r.URL.Path
		return a
	}
	a.Group, a.Resource, a.Subresource, a.Namespace, a.Name = t.group, t.resource, t.subresource, t.namespace, t.name
	if a.Verb = verbOf(r, t); a.Verb == "" {
		a.Verb = strings.ToLower(r.Method)
	}
	switch {
	case t.group == "" && t.resource == "namespaces" && t.name != "":
		a.Namespace = t.name // a namespace counts as being in itself
	case a.Verb == "list" || a.Verb == "watch":
		a.Name = selectedName(r)
	}
	return a
}

// selectedName is the one object that a list or watch is about, by its field selector.
func selectedName(r *http.Request) string {
	selector, err := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	if err != nil {
		return ""
	}
	name, ok := selector.RequiresExactMatch("metadata.name")
	if !ok || len(content.IsPathSegmentName(name)) > 0 {
		return ""
	}
	return name
}

func rbacUser(u User) rbac.User { return rbac.User{Name: u.Name, Groups: u.Groups} }

// alsoNeeds is nil when the user of the request may do to its object what another verb says: an
// apply that creates needs create beside patch.
func (s *Server) alsoNeeds(r *request, verb string) error {
	a := attributesOf(r.http, r.user)
	a.Verb = verb
	return s.allowed(r.Context(), a)
}
