//go:build !failpoints

package failpoint_test

import (
	"testing"

	"github.com/powernode/powernode/api/failpoint"
)

// Without the build tag a place costs nothing: compare the two.
func BenchmarkPlace(b *testing.B) {
	sum := 0
	b.Run("with", func(b *testing.B) {
		for n := range b.N {
			if err := failpoint.Hit("bench.before"); err != nil {
				b.Fatal(err)
			}
			failpoint.At("bench.before")
			sum += n
		}
	})
	b.Run("without", func(b *testing.B) {
		for n := range b.N {
			sum += n
		}
	})
	if sum < 0 {
		b.Fatal("it must not be left out")
	}
}

// A place that is not compiled in allocates nothing and gives no error.
func TestAPlaceIsEmpty(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if err := failpoint.After("test.after", failpoint.Hit("test.before")); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
