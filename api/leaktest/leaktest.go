// Package leaktest notices goroutines that fuzzed code leaves behind.
package leaktest

import (
	"runtime"
	"testing"
	"time"
)

// slack is how many goroutines may come and go beside those of the inputs, which are
// tried one after the other: an input that leaks is noticed after so many tries of its like.
const slack = 100

// Watch counts the goroutines of now, what f has started for all its inputs included. Call the
// result at the end of each input: it fails when there are many more for half a minute.
func Watch(f *testing.F) (check func(t *testing.T)) {
	f.Helper()
	before := runtime.NumGoroutine()
	return func(t *testing.T) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before+slack; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			}
		}
	}
}
