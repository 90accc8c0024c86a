// Package server is the HTTP resource API: one set of handlers that serves every
// kind from its schema, in the wire conventions of Kubernetes, so that kubectl,
// client-go and controller-runtime are clients as they are; and the endpoints
// that runners speak (api/runner).
//
// A request runs through three steps: who is it (auth.go), what does the path
// name (path.go, catalog.go), and one handler per verb (read.go, watch.go,
// write.go, patch.go, delete.go). Whatever goes wrong on the way is an error
// that is turned into a Status at one place (errors.go). Objects are encoded once
// and the bytes shared by all who read them (encode.go).
//
// The package knows schemas and the Store contract. It refuses to know any kind
// of ours, what controllers do, and SQL; rules of a kind that a schema can't
// say come in as api.Admission, what lies below an object as api.Subresource.
package server
