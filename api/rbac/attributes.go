package rbac

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/powernode/powernode/api"
)

// User is who acts, as the objects of RBAC know users.
type User struct {
	Name   string
	Groups []string
}

// Attributes say what somebody wants to do. With a Path it is about that path, else
// about the resource; all compare exactly, "" is no wildcard.
type Attributes struct {
	User User
	// Verb is get, list, watch, create, update, patch, delete or deletecollection, or one
	// that only means something to rules: bind, escalate, impersonate. For a path it is
	// the method in lower case.
	Verb string
	// Group is the API group, Resource the plural name.
	Group, Resource, Subresource string
	// Namespace is "" for what lies in none, and for all namespaces at once.
	Namespace string
	// Name is "" for what concerns no single object.
	Name string
	// Path is that of a request that is about no resource: "/metrics".
	Path string
}

// resource is how rules name the resource: pods, pods/log.
func (a *Attributes) resource() string {
	if a.Subresource == "" {
		return a.Resource
	}
	return a.Resource + "/" + a.Subresource
}

// Denied says that the user can't do it, in the words of Kubernetes.
func (a *Attributes) Denied() string {
	if a.Path != "" {
		return fmt.Sprintf("User %q cannot %s path %q", a.User.Name, a.Verb, a.Path)
	}
	where := "at the cluster scope"
	if a.Namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.Namespace)
	}
	return fmt.Sprintf("User %q cannot %s resource %q in API group %q %s", a.User.Name, a.Verb, a.resource(), a.Group, where)
}

// who is a subject in the form that an index can have as its key: a service account is its user.
type who struct {
	group bool
	name  string
}

// whoIs is the subject of a binding in a namespace ("" of a ClusterRoleBinding); false when it is nobody.
func whoIs(s rbacv1.Subject, namespace string) (who, bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		return who{name: s.Name}, true
	case rbacv1.GroupKind:
		return who{group: true, name: s.Name}, true
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		return who{name: api.ServiceAccountName(namespace, s.Name)}, namespace != ""
	}
	return who{}, false
}

// String names the subject for people. Service accounts appear as the user that they are.
func (w who) String() string {
	if w.group {
		return fmt.Sprintf("Group %q", w.name)
	}
	if namespace, name, ok := api.SplitServiceAccountName(w.name); ok {
		return fmt.Sprintf("ServiceAccount %q", name+"/"+namespace)
	}
	return fmt.Sprintf("User %q", w.name)
}
