package schemas

import "slices"

// schema removes the keywords that nobody knows from a schema inside of a
// document. Those that are known and refused stay: validation explains them.
func (p *pruner) schema(doc map[string]any, known map[string]keyword) {
	for name, value := range doc {
		switch name {
		case "properties":
			children, _ := value.(map[string]any)
			for key, child := range children {
				p.schemaBelow(child, known, segment{name: name}, segment{name: key, isKey: true})
			}
		case "additionalProperties", "items", "not":
			p.schemaBelow(value, known, segment{name: name})
		case "allOf", "anyOf", "oneOf":
			branches, _ := value.([]any)
			for i, branch := range branches {
				p.schemaBelow(branch, known, segment{name: name}, segment{index: i, isItem: true})
			}
		default:
			if known[name] == nil && refusal(name) == "" {
				delete(doc, name)
				p.found = append(p.found, unknownField{append(slices.Clone(p.here), segment{name: name}), ""})
			}
		}
	}
}

func (p *pruner) schemaBelow(v any, known map[string]keyword, way ...segment) {
	doc, ok := v.(map[string]any)
	if !ok {
		return
	}
	p.here = append(p.here, way...)
	p.schema(doc, known)
	p.here = p.here[:len(p.here)-len(way)]
}
