package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// The pauses between tries: they double from the first to the longest, and each
// is shortened by up to half at random, so that many clients don't come back at once.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// longestAsked bounds what a Retry-After header can ask for.
	longestAsked = time.Minute
)

func pause(try int) time.Duration {
	full := longestPause
	if try < 6 {
		full = min(firstPause<<try, longestPause)
	}
	return full/2 + rand.N(full/2+1)
}

// busy says that the same request may do better later.
func busy(code int) bool {
	return code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented
}

// retryAfter reads the header in both of its forms; 0 when there is none.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(value); err == nil {
		return clamp(time.Duration(seconds) * time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return clamp(time.Until(at))
	}
	return 0
}

func clamp(d time.Duration) time.Duration { return min(max(d, 0), longestAsked) }

// sleep waits and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
