package server

import (
	"context"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/schemas"
)

// mayI answers whether the asker may do something.
func (s *Server) mayI(q question) (any, error) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	problems := unnamed(&review.ObjectMeta)
	problems = append(problems, oneOf(review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)...)
	if err := badReview("SelfSubjectAccessReview", problems); err != nil {
		return nil, err
	}
	var err error
	review.Status, err = s.access(q, rbacUser(q.user), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return review, err
}

// maySomebody answers whether any user may do something.
func (s *Server) maySomebody(q question) (any, error) {
	review := &authorizationv1.SubjectAccessReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	if err := badReview("SubjectAccessReview", append(unnamed(&review.ObjectMeta), aboutSomebody(&review.Spec)...)); err != nil {
		return nil, err
	}
	return review, s.answerAccess(q, &review.Spec, &review.Status)
}

// maySomebodyHere answers the same of the namespace of the path alone: who administers no more
// than that may ask it.
func (s *Server) maySomebodyHere(q question) (any, error) {
	review := &authorizationv1.LocalSubjectAccessReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	problems := append(unnamed(&review.ObjectMeta), aboutSomebody(&review.Spec)...)
	at := field.NewPath("spec")
	if a := review.Spec.ResourceAttributes; a != nil && a.Namespace != q.namespace {
		problems = append(problems, field.Invalid(at.Child("resourceAttributes", "namespace"), a.Namespace, "must be the namespace of the request, "+q.namespace))
	}
	if review.Spec.NonResourceAttributes != nil {
		problems = append(problems, field.Invalid(at.Child("nonResourceAttributes"), field.OmitValueType{}, "disallowed on this kind of request"))
	}
	if err := badReview("LocalSubjectAccessReview", problems); err != nil {
		return nil, err
	}
	return review, s.answerAccess(q, &review.Spec, &review.Status)
}

func (s *Server) answerAccess(ctx context.Context, spec *authorizationv1.SubjectAccessReviewSpec, status *authorizationv1.SubjectAccessReviewStatus) (err error) {
	*status, err = s.access(ctx, rbac.User{Name: spec.User, Groups: spec.Groups}, spec.ResourceAttributes, spec.NonResourceAttributes)
	return err
}

// access is the decision. It is no for what is not served, whatever the rules say: a
// client does not go on to watch what is not there.
func (s *Server) access(ctx context.Context, user rbac.User, on *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) (authorizationv1.SubjectAccessReviewStatus, error) {
	a := &rbac.Attributes{User: user}
	if path != nil {
		a.Verb, a.Path = path.Verb, path.Path
	} else {
		a.Verb, a.Group, a.Resource, a.Subresource = on.Verb, on.Group, on.Resource, on.Subresource
		a.Namespace, a.Name = on.Namespace, on.Name
		if !s.asksServed(a) {
			return authorizationv1.SubjectAccessReviewStatus{Reason: "the resource is not served here"}, nil
		}
	}
	d, err := s.decide(ctx, a)
	if err != nil {
		return authorizationv1.SubjectAccessReviewStatus{}, err
	}
	status := authorizationv1.SubjectAccessReviewStatus{Allowed: d.Allowed}
	if status.Reason = d.Reason(); !d.Allowed && status.Reason != "" {
		status.Reason, status.EvaluationError = "", status.Reason
	}
	return status, nil
}

// asksServed reports whether there is what a question is about. "*" is about all there is, and
// users, groups and the like are only there to be impersonated.
func (s *Server) asksServed(a *rbac.Attributes) bool {
	if a.Resource == "*" || a.Verb == "impersonate" {
		return true
	}
	if slices.ContainsFunc(virtuals(), func(v virtual) bool { return v.group == a.Group && v.plural == a.Resource }) {
		return a.Subresource == ""
	}
	return slices.ContainsFunc(s.catalog().kinds, func(k *schemas.Kind) bool {
		if k.Plural != a.Resource || (a.Group != "*" && a.Group != k.Group) {
			return false
		}
		_, below := s.subresourcesOf(k)[a.Subresource]
		return below || a.Subresource == "" || a.Subresource == "*"
	})
}

func unnamed(meta *metav1.ObjectMeta) field.ErrorList {
	bare := *meta
	bare.Namespace, bare.ManagedFields, bare.CreationTimestamp = "", nil, metav1.Time{}
	if equality.Semantic.DeepEqual(bare, metav1.ObjectMeta{}) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), field.OmitValueType{}, "must be empty")}
}

func aboutSomebody(spec *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	problems := oneOf(spec.ResourceAttributes, spec.NonResourceAttributes)
	if spec.User == "" && len(spec.Groups) == 0 {
		problems = append(problems, field.Invalid(field.NewPath("spec", "user"), spec.User, "at least one of user or group must be specified"))
	}
	return problems
}

func oneOf(on *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) field.ErrorList {
	at := field.NewPath("spec")
	switch {
	case on != nil && path != nil:
		return field.ErrorList{field.Invalid(at.Child("nonResourceAttributes"), field.OmitValueType{}, "cannot be specified in combination with resourceAttributes")}
	case on == nil && path == nil:
		return field.ErrorList{field.Invalid(at.Child("resourceAttributes"), field.OmitValueType{}, "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	}
	return nil
}

func badReview(kind string, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName, Kind: kind}, "", problems)
}
