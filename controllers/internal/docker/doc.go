// Package docker talks to Docker engines. It is the only package that imports
// the Docker SDK, and it offers only what the controllers need of it, in types
// of its own: so a controller can be tested against dockertest, and a change of
// the SDK stays in here.
//
// It knows engines, containers and images, and which labels mark what is ours.
// It refuses to know what should run: that is the controllers' part. Every call
// is bounded by a timeout, says what it was doing when it fails, and is
// idempotent where the engine allows it: starting what runs, stopping what
// stands and removing what is gone are no errors.
package docker
