//go:build race

package examples

// raceEnabled builds the programs under the race detector when the tests are.
const raceEnabled = true
