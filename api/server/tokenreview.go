package server

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reviewToken tells a program whose a token is that somebody showed to it, and for which of its
// audiences. The answer does not repeat the token.
func (s *Server) reviewToken(q question) (any, error) {
	review := &authenticationv1.TokenReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	token := review.Spec.Token
	if token == "" {
		return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication: set spec.token")
	}
	review.TypeMeta = metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
	review.Spec.Token, review.Status = "", authenticationv1.TokenReviewStatus{}
	user, audiences, ok, err := s.cfg.Identity.AuthenticateFor(q, token, review.Spec.Audiences)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		review.Status.Error = "the token is not valid, not for one of these audiences, or has ended"
	default:
		review.Status.Authenticated, review.Status.Audiences = true, audiences
		review.Status.User = userInfo(completeUser(user))
	}
	return review, nil
}
