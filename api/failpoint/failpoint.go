// Package failpoint has named places at which a program can be made to fail: right before and after whatever
// lasts, a commit, an answer, a call of the world outside. Tests kill a server at each of them, one after the
// other, and look at what is left.
//
// It is compiled in with the build tag failpoints alone. Without it Hit and At are empty, are inlined,
// and cost nothing. It knows no place by name: a name stands where it is hit, once, as a literal in the form
// what.before or what.after. TestEveryFailpointIsTried reads them there.
//
// POWERNODE_FAILPOINTS names a file, which may change while the program runs, with a line for each place that is to fail:
//
//	name=action     at every hit
//	name=action@3   at the third hit from now on, and at no other
//
// The actions are exit (the process is killed as by kill -9, after FILE.NAME.hit was made), error (Hit
// returns ErrHit) and wait (until the line is gone).
package failpoint

import "errors"

// ErrHit is the error of the action error.
var ErrHit = errors.New("failed on purpose")
