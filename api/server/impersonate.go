package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
)

// Groups that every user is in, by how it is known.
const (
	authenticated   = "system:authenticated"
	unauthenticated = "system:unauthenticated"
	anonymous       = "system:anonymous"
	serviceAccounts = "system:serviceaccounts"
)

const (
	impersonatePrefix      = "Impersonate-"
	impersonateExtraPrefix = authenticationv1.ImpersonateUserExtraHeaderPrefix
)

// impersonate lets a request go on as the user that its Impersonate-* headers name, when the bearer
// of the token may act as that user, every group, the uid and every extra. From there on
// all that is decided is decided for that user; the log and the audit know both.
func (s *Server) impersonate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		i := infoOf(c)
		i.bearer = i.user
		i.permit = &permit{request: c.Request(), bearer: i.user}
		as, asked, err := impersonated(c.Request().Header)
		if err != nil {
			return err
		}
		if !asked || open(c.Request().URL.Path) {
			return next(c)
		}
		needs, err := s.mayActAs(c.Request().Context(), i.user, as)
		if err != nil {
			return err
		}
		i.permit.needs = needs
		i.user = completeUser(as)
		return next(c)
	}
}

// impersonated reads the headers; false when there are none.
func impersonated(h http.Header) (as User, asked bool, err error) {
	for name, values := range h {
		if !strings.HasPrefix(name, impersonatePrefix) {
			continue
		}
		asked = true
		switch key, extra := strings.CutPrefix(name, impersonateExtraPrefix); {
		case name == authenticationv1.ImpersonateUserHeader:
			as.Name = values[0]
		case name == authenticationv1.ImpersonateUIDHeader:
			as.UID = values[0]
		case name == authenticationv1.ImpersonateGroupHeader:
			as.Groups = values
		case extra:
			if as.Extra == nil {
				as.Extra = map[string][]string{}
			}
			key = extraKey(key)
			as.Extra[key] = append(as.Extra[key], values...)
		default:
			return User{}, true, apierrors.NewBadRequest("header " + name + ": there is no such header of impersonation")
		}
	}
	if asked && as.Name == "" {
		return User{}, true, apierrors.NewBadRequest("the header Impersonate-User is missing: groups, a uid and extras are impersonated with a user only")
	}
	return as, asked, nil
}

// extraKey is the key of an extra, in lower case as headers have no case, without the
// escapes that a header's name needs.
func extraKey(header string) string {
	header = strings.ToLower(header)
	if key, err := url.PathUnescape(header); err == nil {
		return key
	}
	return header
}

// mayActAs is nil when a user may act as another, and says on which rights that rests.
func (s *Server) mayActAs(ctx context.Context, user, as User) ([]*rbac.Attributes, error) {
	needs := impersonations(user, as)
	for _, a := range needs {
		if err := s.allowed(ctx, a); err != nil {
			return nil, err
		}
	}
	return needs, nil
}

// impersonations are the questions whether a user may act as another.
func impersonations(user, as User) []*rbac.Attributes {
	ask := func(group, resource, sub, namespace, name string) *rbac.Attributes {
		return &rbac.Attributes{User: rbacUser(user), Verb: "impersonate",
			Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name}
	}
	var needs []*rbac.Attributes
	if namespace, name, ok := api.SplitServiceAccountName(as.Name); ok {
		needs = append(needs, ask("", "serviceaccounts", "", namespace, name))
	} else {
		needs = append(needs, ask("", "users", "", "", as.Name))
	}
	for _, group := range as.Groups {
		needs = append(needs, ask("", "groups", "", "", group))
	}
	if as.UID != "" {
		needs = append(needs, ask(authenticationv1.GroupName, "uids", "", "", as.UID))
	}
	for key, values := range as.Extra {
		for _, value := range values {
			needs = append(needs, ask(authenticationv1.GroupName, "userextras", key, "", value))
		}
	}
	return needs
}

// completeUser adds the groups that follow from a user's name: a service account that is
// impersonated without groups is in those of all service accounts.
func completeUser(u User) User {
	u.Groups = slices.Clone(u.Groups)
	if namespace, _, ok := api.SplitServiceAccountName(u.Name); ok && len(u.Groups) == 0 {
		u.Groups = []string{serviceAccounts, serviceAccounts + ":" + namespace}
	}
	switch {
	case slices.Contains(u.Groups, authenticated), slices.Contains(u.Groups, unauthenticated):
	case u.Name == anonymous:
		u.Groups = append(u.Groups, unauthenticated)
	default:
		u.Groups = append(u.Groups, authenticated)
	}
	return u
}
