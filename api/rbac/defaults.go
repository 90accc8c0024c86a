package rbac

import (
	"bytes"
	_ "embed"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

//go:embed defaults.yaml
var defaults []byte

// bootstrapping labels what Defaults has, as in Kubernetes.
const bootstrapping, rbacDefaults = "kubernetes.io/bootstrapping", "rbac-defaults"

// Defaults are the roles and bindings that every server has: *rbacv1.ClusterRole and
// *rbacv1.ClusterRoleBinding, complete and in the order of the document. Those with an aggregationRule have
// the rules that it gives them among the defaults. An error means that the program was built from a wrong document.
func Defaults() ([]any, error) {
	var objects []any
	for i, doc := range bytes.Split(defaults, []byte("\n---\n")) {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &head); err != nil {
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: %w", i, err)
		}
		var object interface{ metav1.Object }
		switch head.Kind {
		case "ClusterRole":
			object = &rbacv1.ClusterRole{}
		case "ClusterRoleBinding":
			object = &rbacv1.ClusterRoleBinding{}
		default:
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: unexpected kind %q", i, head.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, object); err != nil {
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: %w", i, err)
		}
		complete(object)
		objects = append(objects, object)
	}
	return objects, aggregate(objects)
}

// aggregate gives the roles with an aggregationRule among some objects the rules of those that
// they select. One of them may select another, so it goes on until nothing changes.
func aggregate(objects []any) error {
	var all Objects
	for _, object := range objects {
		all.Add(object)
	}
	for changed := true; changed; {
		changed = false
		for _, role := range all.ClusterRoles {
			if role.AggregationRule == nil {
				continue
			}
			rules, err := Aggregate(role, all.ClusterRoles)
			if err != nil {
				return fmt.Errorf("api/rbac/defaults.yaml: ClusterRole %s: %w", role.Name, err)
			}
			if !equality.Semantic.DeepEqual(rules, role.Rules) {
				role.Rules, changed = rules, true
			}
		}
	}
	return nil
}

// complete fills in what all default objects have.
func complete(object metav1.Object) {
	labels := map[string]string{bootstrapping: rbacDefaults}
	for key, value := range object.GetLabels() {
		labels[key] = value
	}
	object.SetLabels(labels)
	object.SetAnnotations(map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"})
	version := rbacv1.SchemeGroupVersion.String()
	switch object := object.(type) {
	case *rbacv1.ClusterRole:
		object.TypeMeta = metav1.TypeMeta{APIVersion: version, Kind: "ClusterRole"}
	case *rbacv1.ClusterRoleBinding:
		object.TypeMeta = metav1.TypeMeta{APIVersion: version, Kind: "ClusterRoleBinding"}
		object.RoleRef.APIGroup = rbacv1.GroupName
		for i := range object.Subjects {
			object.Subjects[i].APIGroup = rbacv1.GroupName
		}
	}
}
