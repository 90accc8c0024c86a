package expression

import "strings"

// code follows unquoted text.
func (s *shellText) code(rest string, before byte) int {
	inWord := s.inWord
	if !inWord {
		s.command.follow(rest)
		s.sawCase = s.sawCase || isWord(rest, "case") && s.within(inSubstitute)
	}
	s.inWord = strings.IndexByte(" \t\n;&|()<>", rest[0]) < 0
	switch {
	case rest[0] == '\n':
		s.beginHeredoc()
	case rest[0] == '#' && !inWord:
		s.push(inComment, 0)
	case rest[0] == '\'':
		s.push(inSingle, 0)
	case rest[0] == '"':
		s.push(inDouble, 0)
	case strings.HasPrefix(rest, "$'"):
		s.push(inDollar, 0)
		return 2
	case strings.HasPrefix(rest, "<<<"):
		return 3
	case strings.HasPrefix(rest, "<<"):
		return s.redirect(rest)
	case strings.HasPrefix(rest, "((") && !inWord:
		s.push(inArithmetic, 2)
		return 2
	case rest[0] == '(' || rest[0] == ')':
		s.paren(rest[0])
	default:
		return s.expansion(rest)
	}
	return 1
}

func isWord(rest, word string) bool {
	return strings.HasPrefix(rest, word) && (len(rest) == len(word) || strings.IndexByte(" \t\n", rest[len(word)]) >= 0)
}

// paren counts the parentheses of a substitution, to know where it ends.
func (s *shellText) paren(c byte) {
	if s.top() != inSubstitute || s.sawCase {
		return
	}
	frame := &s.stack[len(s.stack)-1]
	if c == '(' {
		frame.parens++
		return
	}
	if frame.parens--; frame.parens == 0 {
		s.pop()
		s.inWord = true
	}
}

// redirect reads <<WORD; the body comes after the line.
func (s *shellText) redirect(rest string) int {
	i := 2
	doc := heredoc{}
	if strings.HasPrefix(rest[i:], "-") {
		doc.tab = true
		i++
	}
	for i < len(rest) && (rest[i] == ' ' || rest[i] == '\t') {
		i++
	}
	var quote byte
	start := i
	for ; i < len(rest); i++ {
		c := rest[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			doc.delimiter += string(c)
		case c == '\'' || c == '"':
			quote, doc.quoted = c, true
		case c == '\\':
			doc.quoted = true
		case strings.IndexByte(" \t\n;&|()<>", c) >= 0:
			return s.await(doc, i, start)
		default:
			doc.delimiter += string(c)
		}
	}
	return s.await(doc, i, start)
}

func (s *shellText) await(doc heredoc, end, start int) int {
	if end > start {
		s.pending = append(s.pending, doc)
		s.last, s.inWord = 0, true
	} else {
		s.last = '<'
	}
	return end
}

func (s *shellText) beginHeredoc() {
	if len(s.pending) > 0 {
		s.push(inHeredoc, 0)
		s.line.Reset()
		s.lineExpr = false
	}
}

// body follows a here-document, up to the line that is its delimiter.
func (s *shellText) body(c byte, wasEscaped bool, before byte) {
	doc := &s.pending[0]
	if c != '\n' {
		s.escaped = c == '\\' && !wasEscaped && !doc.quoted
		doc.nested = doc.nested || !wasEscaped && (c == '`' || before == '$' && (c == '(' || c == '{'))
		s.line.WriteByte(c)
		return
	}
	line := s.line.String()
	if doc.tab {
		line = strings.TrimLeft(line, "\t")
	}
	ended := line == doc.delimiter && !s.lineExpr
	s.line.Reset()
	s.lineExpr = false
	if ended {
		s.pop()
		s.pending = s.pending[1:]
		s.inWord = false
		s.beginHeredoc()
	}
}

// evaluated is where bash computes with a text, and in doing so runs a command that is in it.
const evaluated = "where the shell does arithmetic with it"

// arithmeticCommand follows [[ … ]] and let, in which the shell computes with text.
type arithmeticCommand struct {
	test, let bool
	compares  bool // a numeric operator was seen in the test
	mentioned bool // an expression was
	broken    bool // both were
}

// follow reads the word at the start of rest.
func (a *arithmeticCommand) follow(rest string) {
	switch {
	case isWord(rest, "[["):
		*a = arithmeticCommand{test: true, broken: a.broken}
	case isWord(rest, "let"):
		*a = arithmeticCommand{let: true, broken: a.broken}
	case a.test && strings.HasPrefix(rest, "]]"), a.let && strings.IndexByte("\n;&|", rest[0]) >= 0:
		*a = arithmeticCommand{broken: a.broken}
	case a.test:
		for _, op := range [...]string{"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v"} {
			a.compares = a.compares || isWord(rest, op)
		}
		a.broken = a.broken || a.compares && a.mentioned
	}
}

// mention notes an expression, and reports whether it is computed with for sure.
func (a *arithmeticCommand) mention() bool {
	a.mentioned = a.test
	return a.let || a.test && a.compares
}
