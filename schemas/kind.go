package schemas

import (
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
	celtypes "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	celrules "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// Kind is all that is known of the form of one kind of object.
type Kind struct {
	Group, Version, Kind, ListKind, Plural, Singular string

	ShortNames, Categories []string
	Namespaced             bool
	StatusSubresource      bool
	Scale                  *Scale // nil without a scale subresource
	Description            string
	// PathNames is true when names of objects need only fit into a path, as those
	// of roles do ("system:masters"); else they are DNS subdomains.
	PathNames bool
	// Stored is the qualified kind under which objects are stored, and StoredVersion
	// the apiVersion of the stored documents. They differ from Key and APIVersion for
	// a kind that is another view of one, or a version that is not the stored one.
	Stored, StoredVersion string
	// DeprecationWarning is for whoever uses this version; empty for one in good standing.
	DeprecationWarning string

	// Columns of a table, in order; Cells has the values.
	Columns []Column
	// SelectableFields are the labels of the fields that a field selector may name,
	// beside metadata.name and metadata.namespace: "status.phase".
	SelectableFields []string
	// Schema is that of the whole object, apiVersion, kind and metadata included.
	// It is for reading only.
	Schema *Schema

	compiled *jsonschema.Schema
	rules    *celrules.Validator // nil without rules
	types    *celtypes.Structural
	cells    []source
	fields   []source // by SelectableFields
}

// Key is the qualified kind, what api.Key.Kind holds: "Pipeline.powernode.io".
func (k *Kind) Key() string { return api.KindOf(k.APIVersion(), k.Kind) }

// APIVersion is what objects of the kind have as apiVersion: "powernode.io/v1", "v1".
func (k *Kind) APIVersion() string { return strings.TrimPrefix(k.Group+"/"+k.Version, "/") }

// newKind makes a kind of one version of a definition that was checked.
func newKind(d *definition, i int) (*Kind, field.ErrorList) {
	v := &d.Spec.Versions[i]
	at := field.NewPath("spec", "versions").Index(i)
	k := &Kind{
		Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind, ListKind: d.Spec.Names.ListKind,
		Plural: d.Spec.Names.Plural, Singular: d.Spec.Names.Singular,
		ShortNames: d.Spec.Names.ShortNames, Categories: d.Spec.Names.Categories,
		Namespaced:        d.Spec.Scope == "Namespaced",
		StatusSubresource: v.Subresources.Status != nil,
		Scale:             v.Subresources.Scale,
		PathNames:         d.Spec.NameRules == "path-segment",
	}
	k.Stored, k.StoredVersion = k.Key(), strings.TrimPrefix(k.Group+"/"+d.storageVersion(), "/")
	k.DeprecationWarning = d.deprecation(v)
	if as := d.Spec.Stored; as.Kind != "" {
		k.Stored, k.StoredVersion = api.KindOf(as.APIVersion, as.Kind), as.APIVersion
	}
	schemaAt := at.Child("schema", "openAPIV3Schema")
	var problems field.ErrorList
	if k.Schema, problems = rootSchema(schemaAt, v.Schema.OpenAPIV3Schema); len(problems) > 0 {
		return nil, problems
	}
	k.Description = k.Schema.Description
	var err error
	if k.compiled, err = compile(k.Schema); err != nil {
		return nil, field.ErrorList{field.Invalid(schemaAt, field.OmitValueType{}, err.Error())}
	}
	prepare(k.Schema, formats())
	problems = append(checkDefaults(schemaAt, k.Schema), k.addRules(schemaAt)...)
	problems = append(problems, k.addColumns(at.Child("additionalPrinterColumns"), v.Columns)...)
	problems = append(problems, k.addFields(at.Child("selectableFields"), v.SelectableFields)...)
	return k, problems
}

// rootSchema reads the schema of a whole object and gives it what every object has.
func rootSchema(at *field.Path, doc any) (*Schema, field.ErrorList) {
	var r reader
	s := r.schema(at, doc)
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	problems := structural(at, s)
	if s.Type != "object" {
		problems = append(problems, field.Invalid(at.Child("type"), s.Type, "an object is of type object"))
	}
	if s.AdditionalProperties != nil {
		problems = append(problems, field.Forbidden(at.Child("additionalProperties"), "not at the root of an object"))
	}
	meta, metaProblems := rootMetadata(at.Child("properties").Key("metadata"), s.Properties["metadata"])
	problems = append(problems, metaProblems...)
	if len(problems) > 0 {
		return nil, problems
	}
	if s.Properties == nil {
		s.Properties = map[string]*Schema{}
	}
	s.Properties["apiVersion"] = &Schema{Type: "string", Description: "The group and version of this document's format."}
	s.Properties["kind"] = &Schema{Type: "string", Description: "What the object is."}
	s.Properties["metadata"] = meta
	return s, nil
}

// rootMetadata is the schema of metadata, narrowed by what the definition says
// of name and generateName; it may say nothing else.
func rootMetadata(at *field.Path, own *Schema) (meta *Schema, problems field.ErrorList) {
	meta, err := objectMeta()
	if err != nil {
		return nil, field.ErrorList{field.InternalError(at, err)}
	}
	if own == nil {
		return meta, nil
	}
	if own.Type != "object" {
		problems = append(problems, field.Invalid(at.Child("type"), own.Type, "must be object"))
	}
	for name, p := range own.Properties {
		if name != "name" && name != "generateName" {
			problems = append(problems, field.Forbidden(at.Child("properties").Key(name), "only name and generateName may be narrowed"))
			continue
		}
		narrow := *p
		narrow.Type, narrow.Default, narrow.Nullable = "", nil, false
		meta.AllOf = append(meta.AllOf, &Schema{Properties: map[string]*Schema{name: &narrow}})
	}
	return meta, problems
}
