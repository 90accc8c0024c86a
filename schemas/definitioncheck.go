package schemas

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkDefinition checks what the definition says around its schema.
func checkDefinition(d *definition) (problems field.ErrorList) {
	if d.APIVersion != "apiextensions.k8s.io/v1" {
		problems = append(problems, field.NotSupported(field.NewPath("apiVersion"), d.APIVersion, []string{"apiextensions.k8s.io/v1"}))
	}
	if d.Kind != "CustomResourceDefinition" {
		problems = append(problems, field.NotSupported(field.NewPath("kind"), d.Kind, []string{"CustomResourceDefinition"}))
	}
	spec := field.NewPath("spec")
	full := strings.TrimSuffix(d.Spec.Names.Plural+"."+d.Spec.Group, ".")
	if d.Name != full {
		problems = append(problems, field.Invalid(field.NewPath("metadata", "name"), d.Name, "must be "+full+": spec.names.plural and spec.group"))
	}
	if d.Spec.Group != "" {
		for _, message := range validation.IsDNS1123Subdomain(d.Spec.Group) {
			problems = append(problems, field.Invalid(spec.Child("group"), d.Spec.Group, message))
		}
	}
	if d.Spec.Scope != "Namespaced" && d.Spec.Scope != "Cluster" {
		problems = append(problems, field.NotSupported(spec.Child("scope"), d.Spec.Scope, []string{"Cluster", "Namespaced"}))
	}
	if c := d.Spec.Conversion; c != nil && c.Strategy != "None" {
		problems = append(problems, field.NotSupported(spec.Child("conversion", "strategy"), c.Strategy, []string{"None"}))
	}
	if d.Spec.PreserveUnknownFields {
		problems = append(problems, field.Forbidden(spec.Child("preserveUnknownFields"), "use x-kubernetes-preserve-unknown-fields in the schema"))
	}
	problems = append(problems, checkNames(spec.Child("names"), &d.Spec.Names)...)
	return append(problems, checkVersions(spec.Child("versions"), d.Spec.Versions)...)
}

func checkNames(at *field.Path, n *names) (problems field.ErrorList) {
	if n.Singular == "" {
		n.Singular = strings.ToLower(n.Kind)
	}
	if n.ListKind == "" {
		n.ListKind = n.Kind + "List"
	}
	label := func(at *field.Path, name string) {
		for _, message := range validation.IsDNS1035Label(name) {
			problems = append(problems, field.Invalid(at, name, message))
		}
	}
	label(at.Child("plural"), n.Plural)
	label(at.Child("singular"), n.Singular)
	label(at.Child("kind"), strings.ToLower(n.Kind))
	for i, name := range n.ShortNames {
		label(at.Child("shortNames").Index(i), name)
	}
	for i, name := range n.Categories {
		label(at.Child("categories").Index(i), name)
	}
	return problems
}

func checkVersions(at *field.Path, versions []version) (problems field.ErrorList) {
	stored := 0
	for i, v := range versions {
		for _, message := range validation.IsDNS1035Label(v.Name) {
			problems = append(problems, field.Invalid(at.Index(i).Child("name"), v.Name, message))
		}
		if v.Schema.OpenAPIV3Schema == nil {
			problems = append(problems, field.Required(at.Index(i).Child("schema", "openAPIV3Schema"), "schemas are structural and not optional"))
		}
		if slices.ContainsFunc(versions[:i], func(other version) bool { return other.Name == v.Name }) {
			problems = append(problems, field.Duplicate(at.Index(i).Child("name"), v.Name))
		}
		if v.Warning != nil && !v.Deprecated {
			problems = append(problems, field.Invalid(at.Index(i).Child("deprecationWarning"), *v.Warning, "only for a version with deprecated: true"))
		}
		problems = append(problems, checkScale(at.Index(i).Child("subresources", "scale"), v.Subresources.Scale)...)
		if !v.Storage {
			continue
		}
		stored++
	}
	if stored != 1 {
		problems = append(problems, field.Invalid(at, stored, "exactly one version has storage: true"))
	}
	return problems
}

// checkScale makes sure that the paths of a scale subresource lead to one value
// each, where the API looks for it.
func checkScale(at *field.Path, s *Scale) (problems field.ErrorList) {
	if s == nil {
		return nil
	}
	path := func(at *field.Path, path string, roots ...string) {
		if path == "" {
			problems = append(problems, field.Required(at, ""))
			return
		}
		below := slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(path, root) && len(path) > len(root) })
		if !below || strings.ContainsAny(path, "[]*?") {
			problems = append(problems, field.Invalid(at, path, "must be a JSONPath of fields below "+strings.Join(roots, " or ")))
		}
	}
	path(at.Child("specReplicasPath"), s.SpecReplicasPath, ".spec.")
	path(at.Child("statusReplicasPath"), s.StatusReplicasPath, ".status.")
	if s.LabelSelectorPath != "" {
		path(at.Child("labelSelectorPath"), s.LabelSelectorPath, ".spec.", ".status.")
	}
	return problems
}
