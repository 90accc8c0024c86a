package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// BindingPrefix is what the variables that Script makes start with.
const BindingPrefix = "POWERNODE_EXPR_"

// Binding is an environment variable that carries the value of one expression of a script.
type Binding struct {
	Name     string
	Template *Template
}

// Script turns a shell script with expressions into one without: each expression
// becomes a reference to an environment variable, so that its value never is
// shell text, whatever is in it. The reference is one word where the expression stands
// unquoted, and the plain value within quotes of either sort; in a comment nothing is left of it.
//
// Where a reference would not be expanded, or be taken for more than text
// (arithmetic, backquotes, ${ }, a here-document with a quoted delimiter), the
// error, a *Problem, says to use env. So it is with any expression in a
// script that is not for sh, dash, ash, bash, ksh or zsh; shell "" is sh.
func Script(t *Template, shell string) (string, []Binding, error) {
	if t.Literal() {
		return t.source, nil, nil
	}
	posix := isPosix(shell)
	s := &shellText{}
	var bindings []Binding
	var latest part
	for _, p := range t.parts {
		if p.expr == nil {
			if s.literal(p.text); s.command.broken {
				return "", nil, t.refuse(latest, evaluated)
			}
			continue
		}
		latest = p
		if !posix {
			return "", nil, t.refuse(p, fmt.Sprintf("in a script for %s", shell))
		}
		name := BindingPrefix + strconv.Itoa(len(bindings))
		text, why := s.reference(name)
		if why != "" {
			return "", nil, t.refuse(p, why)
		}
		s.emit(text)
		if text != "" {
			bindings = append(bindings, Binding{name, &Template{source: t.source, parts: []part{p}}})
		}
	}
	return s.out.String(), bindings, nil
}

func isPosix(shell string) bool {
	switch shell[strings.LastIndexByte(shell, '/')+1:] {
	case "", "sh", "dash", "ash", "bash", "ksh", "zsh":
		return true
	}
	return false
}

func (t *Template) refuse(p part, where string) error {
	return &Problem{position(t.source, p.from), fmt.Sprintf(
		"an expression can't stand %s: give its value a name in env, and use the variable here", where)}
}
