package schemas

import (
	celtypes "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel"
)

// in is the same value, spoken of elsewhere in the schema.
func (at ruleScope) in(path *field.Path) ruleScope {
	at.at = path
	return at
}

// property is the scope of a field of an object; a field of an atomic object is
// replaced with it.
func (at ruleScope) property(name string, atomic bool) ruleScope {
	types := at.types.Properties[name]
	below := at.below(at.at.Child("properties").Key(name), &types)
	if atomic && below.loose == nil {
		below.loose = at.at
	}
	escaped, ok := cel.Escape(name)
	switch {
	case at.decl == nil:
	case !ok:
		below.decl = model.SchemaDeclType(&types, types.XEmbeddedResource)
	case at.decl.Fields[escaped] != nil:
		below.decl = at.decl.Fields[escaped].Type
	}
	return below
}

// values is the scope of the values of a map.
func (at ruleScope) values(s *Schema) ruleScope {
	below := at.below(at.at.Child("additionalProperties"), at.types.AdditionalProperties.Structural)
	if at.decl != nil {
		below.decl = at.decl.ElemType
	}
	below.most = at.times(s.MaxProperties)
	if s.MapType == "atomic" && below.loose == nil {
		below.loose = at.at
	}
	return below
}

// items is the scope of the items of a list. Only those of a list by key can be
// told from those of before.
func (at ruleScope) items(s *Schema) ruleScope {
	below := at.below(at.at.Child("items"), at.types.Items)
	if at.decl != nil {
		below.decl = at.decl.ElemType
	}
	below.most = at.times(s.MaxItems)
	if s.ListType != "map" && below.loose == nil {
		below.loose = at.at
	}
	return below
}

// below is the scope of a child that CEL does not see yet.
func (at ruleScope) below(path *field.Path, types *celtypes.Structural) ruleScope {
	at.at, at.types, at.decl = path, types, nil
	return at
}

// times is how often something can be there that is in each value up to limit times.
func (at ruleScope) times(limit *int64) uint64 {
	if limit == nil || at.most == 0 || *limit < 0 {
		return 0
	}
	return max(1, product(at.most, uint64(*limit)))
}
