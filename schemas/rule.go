package schemas

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// rulesKeyword lists the CEL rules of a schema node.
const rulesKeyword = "x-kubernetes-validations"

// Rule is a demand in CEL, made of the value as self. One that names oldSelf is
// about a change: it is asked only where there was a value before, or always
// with OptionalOldSelf, when oldSelf is an optional.
type Rule struct {
	Rule, Message     string
	MessageExpression string // CEL; makes the message
	Reason, FieldPath string // of the error; FieldPath is below the node
	OptionalOldSelf   *bool
}

// readRules reads the rules of a node.
func readRules(r *reader, s *Schema, at *field.Path, v any) {
	for i, item := range r.list(at, v) {
		doc, ok := item.(map[string]any)
		if !ok {
			r.wrong(at.Index(i), item, "an object with a rule")
			continue
		}
		var rule Rule
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			r.ruleField(&rule, at.Index(i).Child(name), name, doc[name])
		}
		r.problems = append(r.problems, rule.check(at.Index(i))...)
		s.Rules = append(s.Rules, rule)
	}
}

func (r *reader) ruleField(rule *Rule, at *field.Path, name string, v any) {
	if name == "optionalOldSelf" {
		b, ok := v.(bool)
		if !ok {
			r.wrong(at, v, "true or false")
		}
		rule.OptionalOldSelf = &b
		return
	}
	to := map[string]*string{
		"rule": &rule.Rule, "message": &rule.Message, "messageExpression": &rule.MessageExpression,
		"reason": &rule.Reason, "fieldPath": &rule.FieldPath,
	}[name]
	if to == nil {
		r.problems = append(r.problems, field.Forbidden(at, "unknown field"))
		return
	}
	text, ok := v.(string)
	if !ok {
		r.wrong(at, v, "a string")
	}
	*to = text
}

// reasons are what a rule's error may be.
func reasons() []string {
	return []string{string(field.ErrorTypeRequired), string(field.ErrorTypeForbidden), string(field.ErrorTypeInvalid), string(field.ErrorTypeDuplicate)}
}

// check looks at what a rule says without compiling it.
func (rule *Rule) check(at *field.Path) (problems field.ErrorList) {
	blank := func(s string) bool { return strings.TrimSpace(s) == "" }
	lines := func(s string) bool { return strings.ContainsAny(strings.TrimSpace(s), "\n\r") }
	switch {
	case blank(rule.Rule):
		problems = append(problems, field.Required(at.Child("rule"), "say in CEL what must hold"))
	case lines(rule.Rule) && blank(rule.Message):
		problems = append(problems, field.Required(at.Child("message"), "a rule of several lines needs a message"))
	}
	for name, text := range map[string]string{"message": rule.Message, "messageExpression": rule.MessageExpression, "fieldPath": rule.FieldPath} {
		if text != "" && blank(text) {
			problems = append(problems, field.Invalid(at.Child(name), text, "must not be blank"))
		}
		if name != "messageExpression" && lines(text) {
			problems = append(problems, field.Invalid(at.Child(name), text, "must be one line"))
		}
	}
	if rule.Reason != "" && !slices.Contains(reasons(), rule.Reason) {
		problems = append(problems, field.NotSupported(at.Child("reason"), rule.Reason, reasons()))
	}
	return problems
}
