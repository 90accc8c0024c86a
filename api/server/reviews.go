package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/schemas"
)

// virtual is a resource that is answered and not stored: a question in the form
// of an object.
type virtual struct {
	groupVersion
	plural, singular, kind string
	answer                 func(s *Server, user User, body []byte) (any, error)
}

func virtuals() []virtual {
	authorization := groupVersion{"authorization.k8s.io", "v1"}
	return []virtual{
		{groupVersion{"authentication.k8s.io", "v1"}, "selfsubjectreviews", "selfsubjectreview", "SelfSubjectReview", (*Server).whoAmI},
		{authorization, "selfsubjectaccessreviews", "selfsubjectaccessreview", "SelfSubjectAccessReview", (*Server).mayI},
		{authorization, "selfsubjectrulesreviews", "selfsubjectrulesreview", "SelfSubjectRulesReview", (*Server).myRules},
	}
}

func findVirtual(t target) (virtual, bool) {
	for _, v := range virtuals() {
		if v.group == t.group && v.version == t.version && v.plural == t.resource && t.name == "" && t.namespace == "" {
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
	body, err := s.jsonBody(c, schema.GroupVersionKind{Group: v.group, Version: v.version, Kind: v.kind})
	if err != nil {
		return err
	}
	answer, err := v.answer(s, i.user, body)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("read %s: %v", v.kind, err))
	}
	return c.JSON(http.StatusCreated, answer)
}

func (s *Server) whoAmI(user User, body []byte) (any, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := json.Unmarshal(body, review); err != nil {
		return nil, err
	}
	review.TypeMeta = metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "SelfSubjectReview"}
	review.Status.UserInfo = authenticationv1.UserInfo{Username: user.Name, Groups: user.Groups}
	return review, nil
}

// mayI says yes to masters, for what is served: a client does not go on to watch
// what is not there.
func (s *Server) mayI(user User, body []byte) (any, error) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	if err := json.Unmarshal(body, review); err != nil {
		return nil, err
	}
	review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
	served := true
	if a := review.Spec.ResourceAttributes; a != nil && a.Resource != "*" {
		served = slices.ContainsFunc(s.catalog().kinds, func(k *schemas.Kind) bool {
			return k.Plural == a.Resource && (a.Group == "*" || a.Group == k.Group)
		})
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: served && slices.Contains(user.Groups, Masters)}
	if !served {
		review.Status.Reason = "the resource is not served here"
	}
	return review, nil
}

func (s *Server) myRules(user User, body []byte) (any, error) {
	review := &authorizationv1.SelfSubjectRulesReview{}
	if err := json.Unmarshal(body, review); err != nil {
		return nil, err
	}
	review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectRulesReview"}
	review.Status = authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	if slices.Contains(user.Groups, Masters) {
		all := []string{"*"}
		review.Status.ResourceRules = append(review.Status.ResourceRules, authorizationv1.ResourceRule{Verbs: all, APIGroups: all, Resources: all})
		review.Status.NonResourceRules = append(review.Status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: all, NonResourceURLs: all})
	}
	return review, nil
}
