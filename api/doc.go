// Package api is the vocabulary that every other package shares: what an
// object is, how it is named, what a condition says, and the few errors that
// mean the same thing everywhere.
//
// It refuses to know how objects are stored, served or reconciled. Its shapes
// are those of k8s.io/apimachinery's meta/v1, so that the tools people already
// have (kubectl, client-go) read them unchanged.
package api
