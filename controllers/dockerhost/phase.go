package dockerhost

import (
	"time"

	v1 "github.com/powernode/powernode/api/v1"
)

// errorAfter is how many tries in a row must fail before a lost host counts as broken.
const errorAfter = 5

// firstRetry is the pause after the first failure; it doubles up to the sync interval.
const firstRetry = 2 * time.Second

// phaseAfter is the phase after the given number of failures in a row. A host
// in error stays there, also when a restart has forgotten the count.
func phaseAfter(phase string, failures int) string {
	if failures >= errorAfter || phase == v1.HostError {
		return v1.HostError
	}
	return v1.HostDisconnected
}

func retryIn(failures int, most time.Duration) time.Duration {
	return min(firstRetry<<min(failures-1, 10), most)
}
