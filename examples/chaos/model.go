package chaos

import (
	"fmt"
	"net/http"

	"github.com/anishathalye/porcupine"
)

// verb is what is done to a single object.
type verb string

const (
	get    verb = "get"
	create verb = "create"
	swap   verb = "swap"   // update of the state that was read
	patch  verb = "patch"  // of whatever is there
	remove verb = "remove" // of whatever is there
	drop   verb = "drop"   // delete in the state that was read
)

// input is an operation on a single object: states are named by the ids of the writes that made them.
type input struct {
	name   string
	verb   verb
	id     string // of the state to make
	expect string // the state that was read, of swap and drop
}

type output struct {
	verdict Verdict
	code    int
	id      string // that a get has found
}

// model is one object on one server that carries out one request at a time: its state is the
// id of the last write, "" while there is no object.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, in, out any) (bool, any) {
			return step(state.(string), in.(input), out.(output))
		},
		DescribeOperation: func(in, out any) string { return describe(in.(input), out.(output)) },
		DescribeState: func(state any) string {
			if state == "" {
				return "no object"
			}
			return state.(string)
		},
	}
}

func step(state string, in input, out output) (bool, string) {
	if in.verb == get {
		return out.id == state, state
	}
	next, can := apply(state, in)
	switch {
	case out.verdict == Unknown: // happens now, if it can: that it never does is to happen after all else
		return true, next
	case out.verdict == Done:
		return can, next
	}
	return refused(state, in, out.code), state
}

// apply is the state after an operation; can is false when the state does not allow it.
func apply(state string, in input) (next string, can bool) {
	switch in.verb {
	case create:
		can = state == ""
	case swap, drop:
		can = state != "" && state == in.expect
	case patch, remove:
		can = state != ""
	}
	if !can {
		return state, false
	}
	if in.verb == remove || in.verb == drop {
		return "", true
	}
	return in.id, true
}

// refused reports whether the state is one in which the operation may be refused as it was.
func refused(state string, in input, code int) bool {
	if code == http.StatusNotFound {
		return state == "" && in.verb != create
	}
	switch in.verb {
	case create:
		return state != ""
	case swap, drop:
		return state != "" && state != in.expect
	}
	return true // a patch may be overtaken again and again, and give up
}

func describe(in input, out output) string {
	text := string(in.verb)
	if in.expect != "" {
		text += " " + in.expect + " →"
	}
	if in.verb == get {
		return fmt.Sprintf("%s: %q", text, out.id)
	}
	return fmt.Sprintf("%s %s: %s %d", text, in.id, out.verdict, out.code)
}
