package expression

import "strings"

// Condition is the expression of an `if`.
type Condition struct{ Template }

// ParseCondition reads an `if`: one expression, bare or within ${{ }}. Nothing
// is success(). The error is a *Problem.
func ParseCondition(source string) (*Condition, error) {
	trimmed := strings.TrimSpace(source)
	if trimmed == "" {
		return &Condition{}, nil
	}
	start := strings.Index(source, opening)
	if start >= 0 && !strings.HasPrefix(trimmed, opening) && !inLiteral(source, start) {
		return nil, syntaxError(source, start, "a condition is one expression; write all of it within one ${{ }}, or none of it")
	}
	from, bare := 0, true
	if strings.HasPrefix(trimmed, opening) {
		from, bare = start+len(opening), false
	}
	expr, end, err := parseExpression(source, from, bare)
	if err != nil {
		return nil, err
	}
	if rest := source[end:]; strings.TrimSpace(rest) != "" {
		return nil, syntaxError(source, end, "a condition is one expression; write all of it within one ${{ }}, or none of it")
	}
	return &Condition{Template{source: source, parts: []part{{expr: expr, from: from, to: end}}}}, nil
}

// inLiteral reports whether the text at offset stands within single quotes.
func inLiteral(source string, offset int) bool {
	return strings.Count(source[:offset], "'")%2 == 1
}

// UsesStatus reports whether the condition asks for the status itself (success,
// failure, cancelled, always): then success() is not implied.
func (c *Condition) UsesStatus() bool { return c.Calls(statusFunctions[:]...) }

// Holds evaluates the condition, with success() implied unless it UsesStatus.
func (c *Condition) Holds(scope Scope) (bool, error) {
	if !c.UsesStatus() && scope.Status != Success {
		return false, nil
	}
	return c.Asserts(scope)
}

// Asserts evaluates what is written, with nothing implied; nothing written is true.
func (c *Condition) Asserts(scope Scope) (bool, error) {
	if len(c.parts) == 0 {
		return true, nil
	}
	v, err := c.Eval(scope)
	return Truthy(v), err
}
