// Package schematest has the checks that every kind must pass: that its schema
// and its Go types say the same, that every field is explained, and that an
// example shows every field. It knows no kind of its own.
package schematest
