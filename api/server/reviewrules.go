package server

import (
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/rbac"
)

// everything is what masters may do.
func everything() []rbacv1.PolicyRule {
	all := []string{"*"}
	return []rbacv1.PolicyRule{{Verbs: all, APIGroups: all, Resources: all}, {Verbs: all, NonResourceURLs: all}}
}

// myRules lists what the asker may do in a namespace.
func (s *Server) myRules(q question) (any, error) {
	review := &authorizationv1.SelfSubjectRulesReview{}
	if err := q.read(review); err != nil {
		return nil, err
	}
	if review.Spec.Namespace == "" {
		return nil, apierrors.NewBadRequest("spec.namespace: must name the namespace that the rules are asked for")
	}
	policy, err := s.policy.now(q)
	if err != nil {
		return nil, err
	}
	user := rbacUser(q.user)
	rules := policy.RulesFor(user, review.Spec.Namespace)
	if slices.Contains(user.Groups, Masters) {
		rules = append(everything(), rules...)
	}
	review.Status = rulesStatus(rules)
	review.Status.EvaluationError = strings.Join(policy.Dangling(user, review.Spec.Namespace), ", ")
	return review, nil
}

// rulesStatus sorts rules into those of resources and those of paths, each once.
func rulesStatus(rules []rbacv1.PolicyRule) authorizationv1.SubjectRulesReviewStatus {
	status := authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	seen := map[string]bool{} // and no comparing of each with each: who writes roles may have given himself very many
	for _, r := range rules {
		text := rbac.Describe(r)
		if seen[text] {
			continue
		}
		seen[text] = true
		if len(r.Resources) > 0 {
			status.ResourceRules = append(status.ResourceRules, authorizationv1.ResourceRule{
				Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames})
		}
		if len(r.NonResourceURLs) > 0 {
			status.NonResourceRules = append(status.NonResourceRules, authorizationv1.NonResourceRule{
				Verbs: r.Verbs, NonResourceURLs: r.NonResourceURLs})
		}
	}
	return status
}
