package reconcile

import (
	"math/rand/v2"
	"time"
)

// The delays between tries, in the numbers that are usual in this field.
const (
	backoffFirst = time.Second
	backoffMost  = 5 * time.Minute
	// ownWakes is how often in a row an object may bring itself back by what its
	// passes write before that is slowed down like a failure.
	ownWakes = 10
)

// backoff is the delay before the try after the n-th failure in a row (n ≥ 1):
// doubled each time up to backoffMost, less up to a fifth of it at random so
// that what failed together is not tried together.
func backoff(n int) time.Duration { return jitter(backoffMean(n), rand.Float64()) }

func backoffMean(n int) time.Duration {
	d := backoffFirst
	for ; n > 1 && d < backoffMost; n-- {
		d *= 2
	}
	return min(d, backoffMost)
}

func jitter(d time.Duration, random float64) time.Duration {
	return d - time.Duration(random*float64(d)/5)
}

// conflictDelay lets the first repeat of a pass that lost a race come at once.
func conflictDelay(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return backoff(n - 1)
}

// ownDelay slows a controller that changes something in every pass.
func ownDelay(inARow int) time.Duration {
	if inARow <= ownWakes {
		return 0
	}
	return backoff(inARow - ownWakes)
}
