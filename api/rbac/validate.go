package rbac

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate says what is wrong with an object of a type of Decode, by the rules of Kubernetes that
// a schema can't say. old is what an update replaces, nil for a create.
func Validate(typed, old any) field.ErrorList {
	switch o := typed.(type) {
	case *rbacv1.Role:
		return validateRules(o.Rules, true)
	case *rbacv1.ClusterRole:
		return append(validateRules(o.Rules, false), validateAggregation(o.AggregationRule)...)
	case *rbacv1.RoleBinding:
		problems := validateBinding(o.RoleRef, o.Subjects, true)
		if before, ok := old.(*rbacv1.RoleBinding); ok {
			problems = append(problems, unchangedRole(o.RoleRef, before.RoleRef)...)
		}
		return problems
	case *rbacv1.ClusterRoleBinding:
		problems := validateBinding(o.RoleRef, o.Subjects, false)
		if before, ok := old.(*rbacv1.ClusterRoleBinding); ok {
			problems = append(problems, unchangedRole(o.RoleRef, before.RoleRef)...)
		}
		return problems
	}
	return nil
}

func validateRules(rules []rbacv1.PolicyRule, namespaced bool) (problems field.ErrorList) {
	for i, rule := range rules {
		problems = append(problems, validateRule(rule, namespaced, field.NewPath("rules").Index(i))...)
	}
	return problems
}

func validateRule(rule rbacv1.PolicyRule, namespaced bool, at *field.Path) (problems field.ErrorList) {
	if len(rule.Verbs) == 0 {
		problems = append(problems, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
	}
	if len(rule.NonResourceURLs) > 0 {
		urls := at.Child("nonResourceURLs")
		if namespaced {
			problems = append(problems, field.Invalid(urls, rule.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
		}
		if len(rule.APIGroups)+len(rule.Resources)+len(rule.ResourceNames) > 0 {
			problems = append(problems, field.Invalid(urls, rule.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
		}
		return problems
	}
	if len(rule.APIGroups) == 0 {
		problems = append(problems, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
	}
	if len(rule.Resources) == 0 {
		problems = append(problems, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
	}
	return problems
}

func validateAggregation(rule *rbacv1.AggregationRule) (problems field.ErrorList) {
	if rule == nil {
		return nil
	}
	at := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(rule.ClusterRoleSelectors) == 0 {
		return field.ErrorList{field.Required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil")}
	}
	for i := range rule.ClusterRoleSelectors {
		problems = append(problems, metav1validation.ValidateLabelSelector(&rule.ClusterRoleSelectors[i],
			metav1validation.LabelSelectorValidationOptions{}, at.Index(i))...)
	}
	return problems
}

func validateBinding(ref rbacv1.RoleRef, subjects []rbacv1.Subject, namespaced bool) (problems field.ErrorList) {
	at := field.NewPath("roleRef")
	if ref.APIGroup != rbacv1.GroupName {
		problems = append(problems, field.NotSupported(at.Child("apiGroup"), ref.APIGroup, []string{rbacv1.GroupName}))
	}
	kinds := []string{"ClusterRole"}
	if namespaced {
		kinds = []string{"Role", "ClusterRole"}
	}
	if !slices.Contains(kinds, ref.Kind) {
		problems = append(problems, field.NotSupported(at.Child("kind"), ref.Kind, kinds))
	}
	if ref.Name == "" {
		problems = append(problems, field.Required(at.Child("name"), ""))
	}
	for _, problem := range content.IsPathSegmentName(ref.Name) {
		problems = append(problems, field.Invalid(at.Child("name"), ref.Name, problem))
	}
	for i, s := range subjects {
		problems = append(problems, validateSubject(s, namespaced, field.NewPath("subjects").Index(i))...)
	}
	return problems
}

func validateSubject(s rbacv1.Subject, namespaced bool, at *field.Path) (problems field.ErrorList) {
	if s.Name == "" {
		problems = append(problems, field.Required(at.Child("name"), ""))
	}
	group := rbacv1.GroupName
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		group = ""
		if s.Name != "" {
			for _, problem := range validation.ValidateServiceAccountName(s.Name, false) {
				problems = append(problems, field.Invalid(at.Child("name"), s.Name, problem))
			}
		}
		if !namespaced && s.Namespace == "" {
			problems = append(problems, field.Required(at.Child("namespace"), ""))
		}
	case rbacv1.UserKind, rbacv1.GroupKind:
	default:
		return append(problems, field.NotSupported(at.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
	}
	if s.APIGroup != group {
		problems = append(problems, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{group}))
	}
	return problems
}

// unchangedRole: what a binding gives can't be exchanged, as those who may change its subjects
// need not be those who may give another role.
func unchangedRole(ref, before rbacv1.RoleRef) field.ErrorList {
	if ref == before {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("roleRef"), ref, "cannot change roleRef")}
}

// CompleteSubjects gives the subjects of a binding, as a document, the API group that follows
// from their kind.
func CompleteSubjects(binding map[string]any) {
	subjects, _ := binding["subjects"].([]any)
	for _, s := range subjects {
		subject, ok := s.(map[string]any)
		if !ok {
			continue
		}
		if group, there := subject["apiGroup"]; there && group != "" {
			continue
		}
		if kind := subject["kind"]; kind == rbacv1.UserKind || kind == rbacv1.GroupKind {
			subject["apiGroup"] = rbacv1.GroupName
		}
	}
}
