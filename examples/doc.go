// Package examples holds one manifest a kind, each showing every field, and whole stories.
//
// Its tests are the whole program's: a real pnserver with a PostgreSQL of its
// own, the real Docker engine, the real kubectl and git. Every manifest here is
// applied in one of them. Nothing imports this package.
package examples
