package rbac

import (
	"encoding/json"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/powernode/powernode/api"
)

// The kinds of RBAC objects, as api.Key names them.
const (
	KindRole               = "Role.rbac.authorization.k8s.io"
	KindClusterRole        = "ClusterRole.rbac.authorization.k8s.io"
	KindRoleBinding        = "RoleBinding.rbac.authorization.k8s.io"
	KindClusterRoleBinding = "ClusterRoleBinding.rbac.authorization.k8s.io"
)

// Kinds are the four kinds that a Policy is made of.
func Kinds() []string {
	return []string{KindRole, KindClusterRole, KindRoleBinding, KindClusterRoleBinding}
}

// Decode gives an object of one of Kinds its type: *rbacv1.Role, *rbacv1.ClusterRole,
// *rbacv1.RoleBinding or *rbacv1.ClusterRoleBinding.
func Decode(obj *api.Object) (any, error) {
	var typed any
	switch obj.Key().Kind {
	case KindRole:
		typed = &rbacv1.Role{}
	case KindClusterRole:
		typed = &rbacv1.ClusterRole{}
	case KindRoleBinding:
		typed = &rbacv1.RoleBinding{}
	case KindClusterRoleBinding:
		typed = &rbacv1.ClusterRoleBinding{}
	default:
		return nil, fmt.Errorf("%s: not a kind of RBAC", obj.Key())
	}
	data, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", obj.Key(), err)
	}
	if err := json.Unmarshal(data, typed); err != nil {
		return nil, fmt.Errorf("%s: %w", obj.Key(), err)
	}
	return typed, nil
}

// Encode makes an object of one of the types of Decode. Its TypeMeta has to be set.
func Encode(typed any) (*api.Object, error) {
	data, err := json.Marshal(typed)
	if err != nil {
		return nil, err
	}
	obj := &api.Object{}
	return obj, json.Unmarshal(data, obj)
}

// Add puts what Decode returned into its list.
func (o *Objects) Add(typed any) {
	switch typed := typed.(type) {
	case *rbacv1.Role:
		o.Roles = append(o.Roles, typed)
	case *rbacv1.ClusterRole:
		o.ClusterRoles = append(o.ClusterRoles, typed)
	case *rbacv1.RoleBinding:
		o.RoleBindings = append(o.RoleBindings, typed)
	case *rbacv1.ClusterRoleBinding:
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, typed)
	}
}
