package expression

import (
	"strings"
)

const opening = "${{"

// Template is a string with expressions in it, parsed. It is immutable and may
// be evaluated by many at once.
type Template struct {
	source string
	parts  []part
}

// part is literal text, or an expression (expr is not nil) that stands at source[from:to].
type part struct {
	text     string
	expr     node
	from, to int
}

// Parse reads a string with ${{ }} expressions embedded anywhere. A string that
// is exactly one expression keeps the type of its value. To write ${{ itself: ${{ '${{' }}.
// The error is a *Problem.
func Parse(source string) (*Template, error) {
	t := &Template{source: source}
	for at := 0; at < len(source); {
		start := strings.Index(source[at:], opening)
		if start < 0 {
			t.parts = append(t.parts, part{text: source[at:], from: at, to: len(source)})
			break
		}
		start += at
		if start > at {
			t.parts = append(t.parts, part{text: source[at:start], from: at, to: start})
		}
		expr, end, err := parseExpression(source, start+len(opening), false)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part{expr: expr, from: start, to: end})
		at = end
	}
	return t, nil
}

// Source is the text that was parsed.
func (t *Template) Source() string { return t.source }

// Literal reports whether there is no expression in the template.
func (t *Template) Literal() bool {
	for _, p := range t.parts {
		if p.expr != nil {
			return false
		}
	}
	return true
}

// Eval computes the template's value in a scope: of a single expression its
// own, otherwise a string. The error is a *Problem that holds no value, so that no secret leaks through it.
func (t *Template) Eval(scope Scope) (Value, error) {
	ev := &evaluation{scope: scope, source: t.source}
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		v, err := ev.value(t.parts[0].expr)
		return plain(v), err
	}
	var b strings.Builder
	for _, p := range t.parts {
		text := p.text
		if p.expr != nil {
			v, err := ev.value(p.expr)
			if err != nil {
				return nil, err
			}
			text = String(v)
		}
		if b.Len()+len(text) > maxText {
			return nil, ev.problem(at(p.from), errTooLong)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// Text is Eval, converted to a string.
func (t *Template) Text(scope Scope) (string, error) {
	v, err := t.Eval(scope)
	return String(v), err
}

// Reference is one mention of a context: steps.build.outputs.sha is the Context
// "steps" with the Path build, outputs, sha. The path ends early where the next
// name is computed or a * stands; Dynamic says so.
type Reference struct {
	Context string
	Path    []string
	Dynamic bool
	Position
}

// References lists what the template mentions, in order of appearance.
func (t *Template) References() []Reference {
	var refs []Reference
	for _, p := range t.parts {
		if p.expr != nil {
			walk(p.expr, func(n node) bool {
				ref, is := reference(n)
				if is {
					ref.Position = position(t.source, n.offset())
					refs = append(refs, ref)
				}
				return true
			})
		}
	}
	return refs
}

// Calls reports whether the template calls the function, whatever the case of its name.
func (t *Template) Calls(names ...string) bool {
	found := false
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		walk(p.expr, func(n node) bool {
			if c, is := n.(*call); is {
				for _, name := range names {
					found = found || strings.EqualFold(c.name, name)
				}
			}
			return true
		})
	}
	return found
}

// walk visits n and what is below it. Of a chain like a.b.c only the whole is
// visited, and the computed keys in it.
func walk(n node, visit func(node) bool) {
	visit(n)
	switch n := n.(type) {
	case *index, *filter:
		walkChain(n, visit)
	case *call:
		for _, arg := range n.args {
			walk(arg, visit)
		}
	case *not:
		walk(n.of, visit)
	case *binary:
		walk(n.left, visit)
		walk(n.right, visit)
	}
}

func walkChain(n node, visit func(node) bool) {
	for {
		switch link := n.(type) {
		case *index:
			if _, fixed := link.key.(*literal); !fixed {
				walk(link.key, visit)
			}
			n = link.of
			continue
		case *filter:
			n = link.of
			continue
		case *variable:
			return // a part of the chain that was visited
		}
		walk(n, visit)
		return
	}
}

// reference reads a chain of fixed names that starts at a context.
func reference(n node) (Reference, bool) {
	var links []node
	for {
		switch link := n.(type) {
		case *index:
			links, n = append(links, link.key), link.of
			continue
		case *filter:
			links, n = append(links, nil), link.of
			continue
		case *variable:
			ref := Reference{Context: strings.ToLower(link.name)}
			for i := len(links) - 1; i >= 0; i-- {
				key, fixed := links[i].(*literal)
				if !fixed {
					ref.Dynamic = true
					break
				}
				ref.Path = append(ref.Path, String(key.value))
			}
			return ref, true
		}
		return Reference{}, false
	}
}
