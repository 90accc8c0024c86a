// Package clusterrole is the controller of ClusterRole: one with an aggregationRule has the
// rules of all others that it selects, and only those. That is how admin, edit and view come
// to what they allow, and how a user's own kind gets into them: by a ClusterRole with a label.
//
// Who may do what is decided in package rbac. A ClusterRole without an aggregationRule is its
// owner's alone.
package clusterrole

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/reconcile"
)

// Kind is the controller of cluster roles.
func Kind() reconcile.Kind {
	return reconcile.For(rbac.KindClusterRole, controller{}, reconcile.Bare())
}

type none struct {
	api.CommonStatus `json:",inline"`
}

type object = reconcile.Object[struct{}, none]

type controller struct{}

// Reconcile writes the rules of an aggregated role when they are not what they should be.
func (controller) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	stored, err := obj.Objects.Get(ctx, obj.Key)
	if errors.Is(err, api.ErrNotFound) {
		return reconcile.Done, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	role, err := decode(stored)
	if err != nil || role.AggregationRule == nil {
		return reconcile.Done, reconcile.Permanent(err)
	}
	rules, err := gather(ctx, obj.Objects, role)
	if err != nil {
		return reconcile.Result{}, err
	}
	if equality.Semantic.DeepEqual(rules, role.Rules) || len(rules)+len(role.Rules) == 0 {
		return reconcile.Done, nil
	}
	raw, err := json.Marshal(rules)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("encode rules: %w", err)
	}
	next := stored.Clone()
	next.Rest["rules"] = raw
	_, err = obj.Objects.Update(ctx, next)
	return reconcile.Done, err
}

// Delete has nothing to clean up; the roles that had this one's rules are woken, as they have listed it.
func (controller) Delete(context.Context, *object) (reconcile.Result, error) {
	return reconcile.Done, nil
}

// gather is what the role's rules should be. Of the others one that can't be read is left out.
func gather(ctx context.Context, objects reconcile.Objects, role *rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	found, err := objects.List(ctx, rbac.KindClusterRole, "", nil)
	if err != nil {
		return nil, err
	}
	var others []*rbacv1.ClusterRole
	for _, obj := range found {
		if other, err := decode(obj); err == nil {
			others = append(others, other)
		}
	}
	rules, err := rbac.Aggregate(role, others)
	if err != nil {
		return nil, reconcile.Permanent(reconcile.Because("InvalidSelector", err))
	}
	return rules, nil
}

func decode(obj *api.Object) (*rbacv1.ClusterRole, error) {
	typed, err := rbac.Decode(obj)
	if err != nil {
		return nil, err
	}
	role, ok := typed.(*rbacv1.ClusterRole)
	if !ok {
		return nil, fmt.Errorf("%s: not a ClusterRole", obj.Key())
	}
	return role, nil
}
