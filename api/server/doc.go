// Package server is the HTTP resource API: one set of handlers that serves every
// kind from its schema, in the wire conventions of Kubernetes, so that kubectl,
// client-go and controller-runtime are clients as they are; and the endpoints
// that runners speak (api/runner).
//
// A request runs through these steps, each in files of its own:
//
//   - who is it, and in whose name: auth.go, impersonate.go, tokens.go and accounts.go over package
//     identity; may it come in now: limits.go; may it do that: authorize.go, policy.go (over what reflector.go
//     keeps up with the store) and escalate.go over package rbac; the questions about both: reviews.go and tokenreview.go
//   - what does the path name: path.go, request.go, catalog.go, subresources.go. The catalog
//     is the kinds that are served, and what follows from them (groupversions.go, discovery.go, openapi.go); follow.go
//     exchanges it when a definition of a user's kind changes, and whileserved.go ends what a kind that is gone was asked for
//   - one handler a verb: read.go, watch.go, write.go, update.go, patch.go, apply.go, delete.go; for
//     what is below an object scale.go, history.go and the subresources of its kind
//   - on the way of a written document: document.go (form, defaults, validation), entrylimit.go, track.go and
//     fields.go (whose fields are whose), metadata.go and the rules of core kinds, replace.go
//   - on the way to and from the store: convert.go (served otherwise than stored), audit.go (the
//     record that goes with every change, and with every refusal)
//   - how it looks on the wire: negotiate.go, table.go, encode.go, which encodes an object once for all who read
//     it, events.go and wire.go for streams
//
// Whatever goes wrong is an error that is turned into a Status at one place (errors.go).
//
// The package knows schemas and the Store contract. It refuses to know any kind
// of ours, what controllers do, and SQL; rules of a kind that a schema can't
// say come in as api.Admission, what lies below an object as api.Subresource.
package server
