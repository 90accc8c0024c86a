package expression

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota // }} or, in a bare condition, the end of the text
	tokenName
	tokenNumber
	tokenString
	tokenOperator // one of operators
)

type token struct {
	kind   tokenKind
	text   string // as written; of a string its value
	number float64
	offset int // bytes from the start of the template
}

// operators, longest first.
var operators = [...]string{"==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", ".", ",", "!", "<", ">", "*"}

// lexer cuts src into tokens from offset at on. A bare expression ends with src, others with }}.
type lexer struct {
	src  string
	at   int
	bare bool
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.at]) >= 0 {
		l.at++
	}
	start, rest := l.at, l.src[l.at:]
	switch {
	case rest == "" && l.bare:
		return token{kind: tokenEnd, offset: start}, nil
	case rest == "":
		return token{}, syntaxError(l.src, start, "the expression is not closed by }}")
	case strings.HasPrefix(rest, "}}") && !l.bare:
		l.at += 2
		return token{kind: tokenEnd, offset: start}, nil
	case rest[0] == '\'':
		return l.quoted()
	case isLetter(rest[0]):
		return l.name(), nil
	case isNumberStart(rest):
		return l.numeral()
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.at += len(op)
			return token{kind: tokenOperator, text: op, offset: start}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	if r == '"' {
		return token{}, syntaxError(l.src, start, `unexpected '"': strings are written in single quotes, as 'text'`)
	}
	return token{}, syntaxError(l.src, start, fmt.Sprintf("unexpected %q", r))
}

// quoted reads a string literal, in which two single quotes stand for one.
func (l *lexer) quoted() (token, error) {
	start := l.at
	var b strings.Builder
	for i := start + 1; i < len(l.src); i++ {
		if l.src[i] != '\'' {
			b.WriteByte(l.src[i])
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		l.at = i + 1
		return token{kind: tokenString, text: b.String(), offset: start}, nil
	}
	return token{}, syntaxError(l.src, start, "the string is not closed by '")
}

func (l *lexer) name() token {
	start := l.at
	for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at]) || l.src[l.at] == '-') {
		l.at++
	}
	return token{kind: tokenName, text: l.src[start:l.at], offset: start}
}

func (l *lexer) numeral() (token, error) {
	start := l.at
	for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at]) || strings.IndexByte(".+-", l.src[l.at]) >= 0) {
		l.at++
	}
	text := l.src[start:l.at]
	n := parseNumber(text)
	if math.IsNaN(n) {
		return token{}, syntaxError(l.src, start, fmt.Sprintf("%q is not a number", text))
	}
	return token{kind: tokenNumber, text: text, number: n, offset: start}, nil
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isNumberStart tells a number from an operator: 1, -1, +1, .5, -.5, -Infinity.
func isNumberStart(s string) bool {
	if strings.HasPrefix(s, "-Infinity") {
		return true
	}
	if s[0] == '-' || s[0] == '+' {
		s = s[1:]
	}
	s = strings.TrimPrefix(s, ".")
	return s != "" && isDigit(s[0])
}

// parseNumber reads a number as GitHub does when it converts a string: white space
// around it is ignored, nothing is 0, 0x and 0o are known, all else is NaN.
func parseNumber(s string) float64 {
	s = strings.TrimSpace(s)
	switch s {
	case "":
		return 0
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0o") {
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil || strings.Contains(s, "_") {
			return math.NaN()
		}
		return float64(n)
	}
	if strings.Trim(s, "0123456789+-.eE") != "" { // Go also reads inf, nan, 1_000 and 0b1
		return math.NaN()
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}
