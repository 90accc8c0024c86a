// Package dockertest gives tests a Docker engine: World is one in memory, for
// controllers in fake time, that can fail once on demand; Endpoint and Image
// are a real one with an image that needs no registry. Both run the same little
// program, whose arguments say what a container does (see package script), and both pass
// package enginetest.
package dockertest
