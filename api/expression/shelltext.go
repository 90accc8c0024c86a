package expression

import (
	"strings"
)

// quoting is what the text at some place of a script is within.
type quoting int

const (
	inCode       quoting = iota
	inSingle             // '…'
	inDollar             // $'…'
	inDouble             // "…"
	inSubstitute         // $(…), code again
	inBrace              // ${…}
	inArithmetic         // $((…)) and ((…))
	inBackquote          // `…`
	inComment
	inHeredoc
)

// frame is one level of quoting, with how many parentheses are open in it.
type frame struct {
	quoting
	parens int
}

// heredoc is a here-document that has begun, or will at the next line.
type heredoc struct {
	delimiter   string
	quoted, tab bool
	nested      bool // a substitution was seen in its body
}

// shellText follows a shell script from its start and knows how each place is
// quoted. It errs to the safe side: where it loses track the script comes out wrong, but a value stays a value.
type shellText struct {
	out      strings.Builder
	stack    []frame // empty is code
	inWord   bool    // the place is in the middle of a word
	last     byte    // the byte before, 0 after an expression or at the start
	escaped  bool    // the byte before is a backslash that escapes
	sawCase  bool    // in a substitution: from here on a ) may end a pattern, so that its end is not known
	command  arithmeticCommand
	pending  []heredoc
	line     strings.Builder // of a here-document's body
	lineExpr bool
}

func (s *shellText) top() quoting {
	if len(s.stack) == 0 {
		return inCode
	}
	return s.stack[len(s.stack)-1].quoting
}

func (s *shellText) push(q quoting, parens int) { s.stack = append(s.stack, frame{q, parens}) }
func (s *shellText) pop()                       { s.stack = s.stack[:len(s.stack)-1] }

func (s *shellText) within(q quoting) bool {
	for _, f := range s.stack {
		if f.quoting == q {
			return true
		}
	}
	return false
}

// reference is how the variable is written at this place, or why it can't be.
func (s *shellText) reference(name string) (text, refusal string) {
	variable := "${" + name + "}"
	switch {
	case s.top() == inComment:
		return "", ""
	case s.escaped:
		return "", "right after a backslash"
	case s.last == '$':
		return "", "right after a $"
	case s.within(inBackquote):
		return "", "within backquotes"
	case s.within(inSubstitute) && s.sawCase:
		return "", "within a case in $( )"
	case s.command.mention():
		return "", evaluated
	}
	switch s.top() {
	case inSingle:
		return `'"` + variable + `"'`, ""
	case inDollar:
		return `'"` + variable + `"$'`, ""
	case inDouble:
		return variable, ""
	case inBrace:
		return "", "within ${ }"
	case inArithmetic:
		return "", "within (( ))"
	case inHeredoc:
		return s.heredocReference(variable)
	}
	if strings.HasSuffix(strings.TrimRight(s.out.String(), " \t-"), "<<") && s.last != ' ' && !strings.HasSuffix(s.out.String(), "<<<") {
		return "", "as the delimiter of a here-document"
	}
	return `"` + variable + `"`, ""
}

func (s *shellText) heredocReference(variable string) (text, refusal string) {
	switch {
	case s.pending[0].quoted:
		return "", "in a here-document whose delimiter is quoted"
	case s.pending[0].nested:
		return "", "in a here-document after a substitution"
	}
	s.lineExpr = true
	return variable, ""
}

// emit adds what stands for an expression.
func (s *shellText) emit(text string) {
	s.out.WriteString(text)
	s.last, s.inWord = 0, true
}

// literal follows text of the script and adds it.
func (s *shellText) literal(text string) {
	s.out.WriteString(text)
	for i := 0; i < len(text); {
		i += s.step(text[i:])
	}
}

// step follows the first bytes of rest, and returns how many.
func (s *shellText) step(rest string) int {
	c := rest[0]
	wasEscaped, before := s.escaped, s.last
	s.escaped, s.last = false, c
	switch s.top() {
	case inComment:
		if c == '\n' {
			s.pop()
			return s.code(rest, before)
		}
	case inSingle:
		if c == '\'' {
			s.pop()
		}
	case inHeredoc:
		s.body(c, wasEscaped, before)
	case inBackquote:
		if c == '`' && !wasEscaped {
			s.pop()
		}
		s.escaped = c == '\\' && !wasEscaped
	default:
		if wasEscaped {
			s.inWord = true
			return 1
		}
		if c == '\\' {
			s.escaped = true
			return 1
		}
		return s.nested(rest, before)
	}
	return 1
}

// nested follows what may hold other quotes: code, "…", $'…', ${…}, ((…)).
func (s *shellText) nested(rest string, before byte) int {
	switch s.top() {
	case inDollar:
		if rest[0] == '\'' {
			s.pop()
		}
		return 1
	case inDouble:
		if rest[0] == '"' {
			s.pop()
			return 1
		}
		return s.expansion(rest)
	case inBrace:
		return s.brace(rest)
	case inArithmetic:
		return s.arithmetic(rest)
	}
	return s.code(rest, before)
}

// expansion follows what is special in double quotes too: $(…), ${…}, `…`.
func (s *shellText) expansion(rest string) int {
	switch {
	case strings.HasPrefix(rest, "$(("):
		s.push(inArithmetic, 2)
		return 3
	case strings.HasPrefix(rest, "$("):
		s.push(inSubstitute, 1)
		s.last, s.inWord = '(', false
		return 2
	case strings.HasPrefix(rest, "${"):
		s.push(inBrace, 0)
		return 2
	case rest[0] == '`':
		s.push(inBackquote, 0)
	}
	return 1
}

// brace follows ${…}: within double quotes, a single quote in it is a character.
func (s *shellText) brace(rest string) int {
	switch rest[0] {
	case '}':
		s.pop()
		s.inWord = true
	case '\'':
		if !s.within(inDouble) {
			s.push(inSingle, 0)
		}
	case '"':
		s.push(inDouble, 0)
	default:
		return s.expansion(rest)
	}
	return 1
}

func (s *shellText) arithmetic(rest string) int {
	frame := &s.stack[len(s.stack)-1]
	switch rest[0] {
	case '(':
		frame.parens++
	case ')':
		if frame.parens--; frame.parens == 0 {
			s.pop()
			s.inWord = true
		}
	case '\'':
		s.push(inSingle, 0)
	case '"':
		s.push(inDouble, 0)
	default:
		return s.expansion(rest)
	}
	return 1
}
