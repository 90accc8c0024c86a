package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
)

// admitPolicy is the admission of roles and bindings; of other kinds it has nothing to say. Nobody
// gives away more than he has: who writes a role needs all that is in it, or the verb escalate on it;
// who binds a role needs all that is in that, or the verb bind on it.
func (s *Server) admitPolicy(ctx context.Context, r *request, old, obj *api.Object) error {
	if r.kind.Group != rbacv1.GroupName {
		return nil
	}
	next, err := rbac.Decode(obj)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	var before any
	if old != nil {
		if before, err = rbac.Decode(old); err != nil {
			return err
		}
	}
	if problems := rbac.Validate(next, before); len(problems) > 0 {
		return apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	if slices.Contains(r.user.Groups, Masters) || onlyHousekeeping(old, obj) {
		return nil
	}
	policy, err := s.policy.now(ctx)
	if err != nil {
		return err
	}
	return (&granting{r, policy, obj}).check(next, before)
}

// onlyHousekeeping: finalizers, owners and the account of fields say nothing of what is allowed.
// Labels do: a role gets into others by them.
func onlyHousekeeping(old, obj *api.Object) bool {
	if old == nil || !sameContent(old, obj) {
		return false
	}
	same := obj.Clone().ObjectMeta
	same.Finalizers, same.OwnerReferences, same.ManagedFields = old.Finalizers, old.OwnerReferences, old.ManagedFields
	return equality.Semantic.DeepEqual(same, old.ObjectMeta)
}

// granting is a write that gives rights away.
type granting struct {
	*request
	policy *rbac.Policy
	obj    *api.Object
}

func (g *granting) check(next, before any) error {
	switch next := next.(type) {
	case *rbacv1.Role:
		return g.role(next.Rules, false)
	case *rbacv1.ClusterRole:
		was, _ := before.(*rbacv1.ClusterRole)
		return g.role(next.Rules, next.AggregationRule != nil || was != nil && was.AggregationRule != nil)
	case *rbacv1.RoleBinding:
		return g.binding(next.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return g.binding(next.RoleRef)
	}
	return nil
}

// role checks what a role will give. One that gathers others can come to give anything.
func (g *granting) role(rules []rbacv1.PolicyRule, aggregates bool) error {
	if g.has("escalate", g.kind.Group, g.kind.Plural, g.target.name) {
		return nil
	}
	if err := g.holds(rules); err != nil {
		return err
	}
	if !aggregates {
		return nil
	}
	if missing, err := g.policy.Missing(rbacUser(g.user), g.target.namespace, everything()); err != nil || len(missing) > 0 {
		return apierrors.NewForbidden(g.groupResource(), g.obj.Name, errors.New("must have cluster-admin privileges to use the aggregationRule"))
	}
	return nil
}

func (g *granting) binding(ref rbacv1.RoleRef) error {
	of := schema.GroupResource{Group: ref.APIGroup, Resource: strings.ToLower(ref.Kind) + "s"}
	if g.has("bind", of.Group, of.Resource, ref.Name) {
		return nil
	}
	rules, ok := g.policy.RulesOf(ref, g.target.namespace)
	if !ok {
		return apierrors.NewNotFound(of, ref.Name)
	}
	return g.holds(rules)
}

func (g *granting) has(verb, group, resource, name string) bool {
	return g.policy.Allows(&rbac.Attributes{
		User: rbacUser(g.user), Verb: verb, Group: group, Resource: resource, Namespace: g.target.namespace, Name: name,
	}).Allowed
}

// holds is nil when the user has all the rules, else names those that are missing.
func (g *granting) holds(rules []rbacv1.PolicyRule) error {
	user := rbacUser(g.user)
	missing, err := g.policy.Missing(user, g.target.namespace, rules)
	if err != nil {
		return apierrors.NewForbidden(g.groupResource(), g.obj.Name, err)
	}
	if len(missing) == 0 {
		return nil
	}
	var lines []string
	for _, rule := range missing {
		lines = append(lines, rbac.Describe(rule))
	}
	message := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		user.Name, user.Groups, strings.Join(lines, "\n"))
	if dangling := g.policy.Dangling(user, g.target.namespace); len(dangling) > 0 {
		message += fmt.Sprintf("; resolution errors: %s", dangling)
	}
	return apierrors.NewForbidden(g.groupResource(), g.obj.Name, errors.New(message))
}
