package expression

import (
	"errors"
	"strings"
)

// maxText bounds every string that an expression makes, as on GitHub.
const maxText = 1 << 20

var errTooLong = errors.New("the result is longer than 1 MiB")

// Status is how what comes before has gone: what success(), failure() and
// cancelled() tell.
type Status int

// The statuses; the zero value is success.
const (
	Success Status = iota
	Failure
	Cancelled
)

// Scope is what expressions see while they are evaluated.
type Scope struct {
	// Contexts by lower-case name: trigger, inputs, steps, env, secrets, features, pipeline, run. What is missing is null.
	Contexts map[string]Value
	Status   Status
	// HashFiles is the SHA-256 over the files that the patterns match, in
	// hexadecimal, "" when there are none; nil where there is no workspace.
	HashFiles func(patterns ...string) (string, error)
}

type evaluation struct {
	scope  Scope
	source string
}

func (e *evaluation) problem(n node, err error) error {
	return &Problem{position(e.source, n.offset()), err.Error()}
}

func (e *evaluation) value(n node) (Value, error) {
	switch n := n.(type) {
	case *literal:
		return n.value, nil
	case *variable:
		v, _ := lookup(e.scope.Contexts, strings.ToLower(n.name))
		return v, nil
	case *index:
		return e.index(n)
	case *filter:
		return e.filter(n)
	case *not:
		v, err := e.value(n.of)
		return !Truthy(v), err
	case *binary:
		return e.binary(n)
	}
	return e.call(n.(*call))
}

func (e *evaluation) index(n *index) (Value, error) {
	of, err := e.value(n.of)
	if err != nil {
		return nil, err
	}
	key, err := e.value(n.key)
	if err != nil {
		return nil, err
	}
	many, is := of.(filtered)
	if !is {
		v, _ := member(of, key)
		return v, nil
	}
	found := filtered{}
	for _, item := range many {
		if v, has := member(item, key); has {
			found = append(found, v)
		}
	}
	return found, nil
}

func (e *evaluation) filter(n *filter) (Value, error) {
	of, err := e.value(n.of)
	if err != nil {
		return nil, err
	}
	many, is := of.(filtered)
	if !is {
		return elements(of), nil
	}
	found := filtered{}
	for _, item := range many {
		found = append(found, elements(item)...)
	}
	return found, nil
}

// binary yields for && and || one of their operands, as JavaScript does; the
// right one is evaluated only when it matters.
func (e *evaluation) binary(n *binary) (Value, error) {
	left, err := e.value(n.left)
	if err != nil {
		return nil, err
	}
	if n.op == "&&" && !Truthy(left) || n.op == "||" && Truthy(left) {
		return left, nil
	}
	right, err := e.value(n.right)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "==":
		return equal(left, right), nil
	case "!=":
		return !equal(left, right), nil
	case "<":
		return less(left, right), nil
	case ">":
		return less(right, left), nil
	case "<=":
		return less(left, right) || equal(left, right), nil
	case ">=":
		return less(right, left) || equal(left, right), nil
	}
	return right, nil
}

// plain turns what .* yields into an ordinary array, for callers.
func plain(v Value) Value {
	if many, is := v.(filtered); is {
		return append([]any{}, many...)
	}
	return v
}

func (e *evaluation) call(n *call) (Value, error) {
	f, known := functions()[strings.ToLower(n.name)]
	if !known {
		return nil, e.problem(n, errors.New(unknownFunction(n.name)))
	}
	if complaint := f.arity(n); complaint != "" {
		return nil, e.problem(n, errors.New(complaint))
	}
	args := make([]Value, len(n.args))
	for i, arg := range n.args {
		v, err := e.value(arg)
		if err != nil {
			return nil, err
		}
		args[i] = plain(v)
	}
	v, err := f.call(e.scope, args)
	if err != nil {
		return nil, e.problem(n, err)
	}
	if s, is := v.(string); is && len(s) > maxText {
		return nil, e.problem(n, errTooLong)
	}
	return v, nil
}
