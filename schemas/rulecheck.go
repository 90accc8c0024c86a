package schemas

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	celtypes "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	celrules "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// What the rules of a schema may cost at most by their estimates, in CEL's
// units: the same numbers as in Kubernetes, so that what is taken there is
// taken here.
const (
	ruleCostLimit   = 10_000_000
	schemaCostLimit = 100_000_000
)

// ruleChecker compiles the rules of a schema tree and notes every one that is
// wrong or may become too expensive.
type ruleChecker struct {
	problems field.ErrorList
	total    uint64
	worst    []ruleCost // the four that cost most
}

type ruleCost struct {
	at   *field.Path
	cost uint64
}

// ruleScope is where in a schema a rule stands.
type ruleScope struct {
	at    *field.Path
	types *celtypes.Structural
	decl  *cel.DeclType // nil for what CEL can't see
	// most is how often the value can be in one object; 0 when nothing bounds it
	// but the size of a request.
	most uint64
	// loose is the list whose items can't be told from those of before; nil if there is none.
	loose *field.Path
	// secret tells that errors must not show the value.
	secret bool
}

// checkRules compiles all rules of the schema of a whole object.
func checkRules(at *field.Path, s *Schema, types *celtypes.Structural) field.ErrorList {
	c := &ruleChecker{}
	c.node(s, ruleScope{at: at, types: types, decl: model.SchemaDeclType(types, true), most: 1})
	if c.total > schemaCostLimit {
		for _, rule := range c.worst {
			c.problems = append(c.problems, field.Forbidden(rule.at, "is among the most expensive rules of a schema whose rules together may cost too much"))
		}
		c.problems = append(c.problems, field.Forbidden(at, tooExpensive("estimated cost of all rules", c.total, schemaCostLimit)))
	}
	return c.problems
}

func (c *ruleChecker) node(s *Schema, at ruleScope) {
	at.secret = at.secret || s.Sensitive
	c.rules(s.Rules, at)
	for i, branch := range s.AllOf {
		c.branch(branch, s, at.in(at.at.Child("allOf").Index(i)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		c.node(s.Properties[name], at.property(name, s.MapType == "atomic"))
	}
	if s.AdditionalProperties != nil {
		c.node(s.AdditionalProperties, at.values(s))
	}
	if s.Items != nil {
		c.node(s.Items, at.items(s))
	}
}

// branch checks the rules of a branch of allOf, whose values are those of the
// schema around it.
func (c *ruleChecker) branch(s, around *Schema, at ruleScope) {
	c.rules(s.Rules, at)
	for i, branch := range s.AllOf {
		c.branch(branch, around, at.in(at.at.Child("allOf").Index(i)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if p := around.Properties[name]; p != nil {
			c.branch(s.Properties[name], p, at.property(name, around.MapType == "atomic"))
		}
	}
	if s.Items != nil && around.Items != nil {
		c.branch(s.Items, around.Items, at.items(around))
	}
}

func (c *ruleChecker) rules(rules []Rule, at ruleScope) {
	if len(rules) == 0 {
		return
	}
	keyword := at.at.Child(rulesKeyword)
	if at.decl == nil {
		c.problems = append(c.problems, field.Forbidden(keyword, "rules can't see this value: say of what type it and its items are"))
		return
	}
	if at.secret && at.types.Type != "object" && at.types.Type != "array" {
		c.problems = append(c.problems, field.Forbidden(keyword, "an error would show the value, which is sensitive: put the rule on the object around it"))
		return
	}
	types := *at.types
	types.XValidations = typedRules(rules)
	compiled, err := celrules.Compile(&types, at.decl, celconfig.PerCallLimit, environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()), celrules.NewExpressionsEnvLoader())
	if err != nil {
		c.problems = append(c.problems, field.InternalError(keyword, err))
		return
	}
	for i := range compiled {
		c.rule(&rules[i], &compiled[i], at, keyword.Index(i))
	}
}

func (c *ruleChecker) rule(rule *Rule, compiled *celrules.CompilationResult, scope ruleScope, at *field.Path) {
	wrong := func(name string, value any, detail string) {
		c.problems = append(c.problems, field.Invalid(at.Child(name), value, detail))
	}
	if err := compiled.Error; err != nil {
		wrong("rule", rule.Rule, err.Detail)
		return
	}
	if err := compiled.MessageExpressionError; err != nil {
		wrong("messageExpression", rule.MessageExpression, err.Detail)
	}
	if rule.FieldPath != "" {
		if _, _, err := celrules.ValidFieldPath(rule.FieldPath, scope.types); err != nil {
			wrong("fieldPath", rule.FieldPath, "must be the path of a field below this one: "+err.Error())
		}
	}
	times := scope.most
	if times == 0 {
		times = compiled.MaxCardinality
	}
	c.cost(at.Child("rule"), "estimated cost of the rule", times, compiled.MaxCost)
	c.cost(at.Child("messageExpression"), "estimated cost of the message", 1, compiled.MessageExpressionMaxCost)
	switch {
	case compiled.UsesOldSelf && scope.loose != nil:
		wrong("rule", rule.Rule, fmt.Sprintf("oldSelf can't be used below %s: its items can't be told from those of before", scope.loose))
	case !compiled.UsesOldSelf && rule.OptionalOldSelf != nil:
		wrong("optionalOldSelf", *rule.OptionalOldSelf, "only for a rule with oldSelf")
	}
}

func (c *ruleChecker) cost(at *field.Path, what string, times, each uint64) {
	cost := product(times, each)
	if cost > ruleCostLimit {
		c.problems = append(c.problems, field.Forbidden(at, tooExpensive(what, cost, ruleCostLimit)))
	}
	if c.total += cost; c.total < cost {
		c.total = math.MaxUint64
	}
	if cost < schemaCostLimit/100 {
		return
	}
	c.worst = append(c.worst, ruleCost{at, cost})
	slices.SortStableFunc(c.worst, func(a, b ruleCost) int { return cmp.Compare(b.cost, a.cost) })
	c.worst = c.worst[:min(4, len(c.worst))]
}

func tooExpensive(what string, cost, limit uint64) string {
	times := "more than 100 times"
	if factor := float64(cost) / float64(limit); factor <= 100 {
		times = fmt.Sprintf("%.2g times", factor)
	}
	return fmt.Sprintf("the %s is %s what is allowed: make it simpler, or bound what it walks over with maxItems, maxProperties and maxLength", what, times)
}

// product is a*b, or the largest number there is.
func product(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high != 0 {
		return math.MaxUint64
	}
	return low
}
