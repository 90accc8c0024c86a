package schemas

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkDefaults makes sure that every default, completed by those inside of it,
// is what its own schema accepts.
func checkDefaults(at *field.Path, s *Schema) (problems field.ErrorList) {
	// One document of all defaults, by their paths, takes one compiled schema.
	all := &Kind{Schema: &Schema{Type: "object", Properties: map[string]*Schema{}}}
	doc := map[string]any{}
	eachDefault(at, s, func(at *field.Path, s *Schema) {
		all.Schema.Properties[at.String()] = s
		doc[at.String()] = runtime.DeepCopyJSONValue(s.Default)
	})
	if len(doc) == 0 {
		return nil
	}
	var err error
	if all.compiled, err = compile(all.Schema); err != nil {
		return list(field.Invalid(at, field.OmitValueType{}, err.Error()))
	}
	var p pruner
	p.value(doc, all.Schema)
	for _, f := range p.found {
		problems = append(problems, field.Forbidden(field.NewPath(pathOf(f.place)), "unknown field"))
	}
	all.Default(doc)
	return append(problems, all.Validate(doc, nil)...)
}

func eachDefault(at *field.Path, s *Schema, visit func(*field.Path, *Schema)) {
	if s.Default != nil {
		visit(at.Child("default"), s)
	}
	for name, p := range s.Properties {
		eachDefault(at.Child("properties").Key(name), p, visit)
	}
	if s.AdditionalProperties != nil {
		eachDefault(at.Child("additionalProperties"), s.AdditionalProperties, visit)
	}
	if s.Items != nil {
		eachDefault(at.Child("items"), s.Items, visit)
	}
}
