package api

import "encoding/json"

// surelyDiffer reports that two documents differ, found by a look at where their bytes begin to.
// False tells nothing: the same fields may be in another order, or one string written in two ways.
// Of documents that name a field twice it knows only what they say first.
func surelyDiffer(a, b json.RawMessage) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) || blank(a[i]) || blank(b[i]) {
		return false
	}
	p := placeOf(a[:i])
	switch {
	case p.inKey, p.object && p.wantsKey && a[i] == '"' && b[i] == '"':
		return false
	case p.inString:
		return plainRest(a[i:]) && plainRest(b[i:]) && !p.escaped
	case p.object && p.wantsKey && p.after == ',':
		return false // no JSON: only a name may follow
	}
	return true
}

// place is where in a document one is after a part of it.
type place struct {
	inString, inKey  bool // in a string, which is the name of a field
	escaped          bool // the string so far has an escape, or bytes beyond ASCII
	object, wantsKey bool // in an object, where a name is next
	after            byte // the last byte that is no space, outside of strings
}

// placeOf reads the beginning of a document that is taken to be valid.
func placeOf(part []byte) place {
	var p place
	var within []bool // is it an object, from the outermost on
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case p.inString && c == '\\':
			p.escaped = true
			i++
		case p.inString:
			p.escaped = p.escaped || c >= 0x80
			p.inString = c != '"'
			p.inKey = p.inKey && p.inString
		case blank(c):
			continue
		case c == '"':
			p.inString, p.inKey, p.escaped = true, p.object && p.wantsKey, false
		case c == '{' || c == '[':
			within = append(within, c == '{')
			p.object, p.wantsKey = c == '{', true
		case c == '}' || c == ']':
			within = within[:max(len(within)-1, 0)]
			p.object = len(within) > 0 && within[len(within)-1]
			p.wantsKey = false
		case c == ':' || c == ',':
			p.wantsKey = c == ','
		}
		p.after = c
	}
	return p
}

// plainRest reports whether a string goes on to its end without an escape, in ASCII.
func plainRest(s []byte) bool {
	for _, c := range s {
		if c == '"' {
			return true
		}
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return false
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
