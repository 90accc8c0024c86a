// Package containerinstance keeps one container on a Docker host as its owner
// wishes: a Job that runs once to an end, or a Service that stays up.
//
// A pass looks at the engine, asks plan what is to be done, does it, and looks
// again until nothing is left. plan has no I/O. A container belongs to an
// execution; its labels and its name say which, so a pass that was cut short
// between the engine and the store finds what it made and does not make it twice.
// What decides an end is stored before the container goes away.
//
// The package refuses to know how engines are reached and images are stored
// (controllers/internal/docker), and where logs are kept.
package containerinstance
