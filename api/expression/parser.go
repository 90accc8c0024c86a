package expression

import (
	"fmt"
	"math"
)

// maxDepth is how deep expressions nest, as on GitHub.
const maxDepth = 50

// node is one part of a parsed expression; offset is where it starts in the template.
type node interface{ offset() int }

type at int

func (a at) offset() int { return int(a) }

type (
	literal struct {
		at
		value Value
	}
	variable struct { // a context
		at
		name string
	}
	index struct { // of.name and of[key]
		at
		of, key node
	}
	filter struct { // of.* and of[*]
		at
		of node
	}
	call struct {
		at
		name string
		args []node
	}
	not struct {
		at
		of node
	}
	binary struct {
		at
		op          string
		left, right node
	}
)

// precedence of the binary operators; all of them group from the left.
var precedence = map[string]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3,
	"<": 4, "<=": 4, ">": 4, ">=": 4,
}

type parser struct {
	lexer
	tok   token
	depth int
}

// parseExpression reads one expression of src from offset from on, and returns where it ended.
func parseExpression(src string, from int, bare bool) (node, int, error) {
	p := &parser{lexer: lexer{src: src, at: from, bare: bare}}
	if err := p.advance(); err != nil {
		return nil, 0, err
	}
	if p.tok.kind == tokenEnd {
		return nil, 0, syntaxError(src, from, "the expression is empty")
	}
	n, err := p.binary(1)
	if err != nil {
		return nil, 0, err
	}
	if p.tok.kind != tokenEnd {
		return nil, 0, p.unexpected("an operator or the end of the expression")
	}
	return n, p.at, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lexer.next()
	return err
}

func (p *parser) is(op string) bool { return p.tok.kind == tokenOperator && p.tok.text == op }

// expect consumes the operator op.
func (p *parser) expect(op string) error {
	if !p.is(op) {
		return p.unexpected(fmt.Sprintf("%q", op))
	}
	return p.advance()
}

func (p *parser) unexpected(wanted string) error {
	found := fmt.Sprintf("%q", p.tok.text)
	if p.tok.kind == tokenEnd {
		found = "the end of the expression"
	}
	return syntaxError(p.src, p.tok.offset, fmt.Sprintf("found %s where %s is expected", found, wanted))
}

// binary climbs over the operators that bind at least as tightly as level.
func (p *parser) binary(level int) (node, error) {
	left, err := p.unary()
	for err == nil {
		op := p.tok.text
		own, is := precedence[op]
		if p.tok.kind != tokenOperator || !is || own < level {
			return left, nil
		}
		if err = p.advance(); err != nil {
			break
		}
		var right node
		if right, err = p.binary(own + 1); err == nil {
			left = &binary{at(left.offset()), op, left, right}
		}
	}
	return nil, err
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, syntaxError(p.src, p.tok.offset, fmt.Sprintf("the expression nests deeper than %d levels", maxDepth))
	}
	defer func() { p.depth-- }()
	if !p.is("!") {
		return p.postfix()
	}
	start := p.tok.offset
	if err := p.advance(); err != nil {
		return nil, err
	}
	of, err := p.unary()
	if err != nil {
		return nil, err
	}
	return &not{at(start), of}, nil
}

func (p *parser) postfix() (node, error) {
	n, err := p.primary()
	for links := 0; err == nil; links++ {
		if links > maxDepth {
			return nil, syntaxError(p.src, p.tok.offset, fmt.Sprintf("the expression nests deeper than %d levels", maxDepth))
		}
		switch {
		case p.is("."):
			n, err = p.member(n)
		case p.is("["):
			n, err = p.element(n)
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) member(of node) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	tok := p.tok
	if p.is("*") {
		return &filter{at(of.offset()), of}, p.advance()
	}
	if tok.kind != tokenName {
		return nil, p.unexpected("a name or *")
	}
	return &index{at(of.offset()), of, &literal{at(tok.offset), tok.text}}, p.advance()
}

func (p *parser) element(of node) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.is("*") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		return &filter{at(of.offset()), of}, p.expect("]")
	}
	key, err := p.binary(1)
	if err != nil {
		return nil, err
	}
	return &index{at(of.offset()), of, key}, p.expect("]")
}

func (p *parser) primary() (node, error) {
	tok := p.tok
	switch {
	case tok.kind == tokenString:
		return &literal{at(tok.offset), tok.text}, p.advance()
	case tok.kind == tokenNumber:
		return &literal{at(tok.offset), tok.number}, p.advance()
	case tok.kind == tokenName:
		return p.named()
	case p.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.binary(1)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	return nil, p.unexpected("a value")
}

// named reads a keyword, a call or a context.
func (p *parser) named() (node, error) {
	tok := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.is("(") {
		return p.call(tok)
	}
	switch tok.text {
	case "null":
		return &literal{at(tok.offset), nil}, nil
	case "true", "false":
		return &literal{at(tok.offset), tok.text == "true"}, nil
	case "NaN":
		return &literal{at(tok.offset), math.NaN()}, nil
	case "Infinity":
		return &literal{at(tok.offset), math.Inf(1)}, nil
	}
	return &variable{at(tok.offset), tok.text}, nil
}

func (p *parser) call(name token) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	c := &call{at: at(name.offset), name: name.text}
	for !p.is(")") {
		if len(c.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.binary(1)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
		if !p.is(",") && !p.is(")") {
			return nil, p.unexpected(`"," or ")"`)
		}
	}
	return c, p.advance()
}
