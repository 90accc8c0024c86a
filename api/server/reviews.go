package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// virtual is a resource that is answered and not stored: a question in the form
// of an object.
type virtual struct {
	groupVersion
	plural, singular, kind string
	namespaced             bool
	answer                 func(s *Server, q question) (any, error)
}

// question is a virtual object that a client created.
type question struct {
	context.Context
	user      User   // who asks
	namespace string // of the path
	body      []byte // as JSON
}

// read decodes the question into its type.
func (q question) read(into any) error {
	if err := json.Unmarshal(q.body, into); err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("read body: %v", err))
	}
	return nil
}

func virtuals() []virtual {
	authentication, authorization := groupVersion{"authentication.k8s.io", "v1"}, groupVersion{"authorization.k8s.io", "v1"}
	return []virtual{
		{authentication, "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", false, (*Server).whoAmI},
		{authentication, "tokenreviews", "tokenreview", "TokenReview", false, (*Server).reviewToken},
		{authorization, "localsubjectaccessreviews", "localsubjectaccessreview", "LocalSubjectAccessReview", true, (*Server).maySomebodyHere},
		{authorization, "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", false, (*Server).mayI},
		{authorization, "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", false, (*Server).myRules},
		{authorization, "subjectaccessreviews", "subjectaccessreview", "SubjectAccessReview", false, (*Server).maySomebody},
	}
}

func findVirtual(t target) (virtual, bool) {
	for _, v := range virtuals() {
		if v.group == t.group && v.version == t.version && v.plural == t.resource && t.name == "" && v.namespaced == (t.namespace != "") {
			return v, true
		}
	}
	return virtual{}, false
}

// review answers a question.
func (s *Server) review(c echo.Context, v virtual) error {
	i := infoOf(c)
	i.verb, i.resource = verbOf(c.Request(), i.target), v.plural
	if c.Request().Method != http.MethodPost {
		return apierrors.NewMethodNotSupported(schema.GroupResource{Group: v.group, Resource: v.plural}, c.Request().Method)
	}
	body, _, err := s.jsonBody(c, schema.GroupVersionKind{Group: v.group, Version: v.version, Kind: v.kind})
	if err != nil {
		return err
	}
	answer, err := v.answer(s, question{c.Request().Context(), i.user, i.target.namespace, body})
	if err != nil {
		return err
	}
	if object, ok := answer.(interface {
		GetObjectKind() schema.ObjectKind
	}); ok {
		object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: v.group, Version: v.version, Kind: v.kind})
	}
	return c.JSON(http.StatusCreated, answer)
}

func (s *Server) whoAmI(q question) (any, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	review.Status.UserInfo = userInfo(q.user)
	return review, nil
}

// userInfo is a user as Kubernetes writes one.
func userInfo(u User) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	for key, values := range u.Extra {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}
