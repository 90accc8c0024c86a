package server

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/powernode/powernode/api"
)

func TestWhatManyReadIsEncodedOnce(t *testing.T) {
	e := encodings{budget: 1 << 20}
	key := keyOf(&api.Object{}, form{}, "ADDED")
	var encoded atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			data, err := e.get(key, func() ([]byte, error) {
				encoded.Add(1)
				return []byte("x"), nil
			})
			if string(data) != "x" || err != nil {
				t.Errorf("got %q, %v", data, err)
			}
		})
	}
	all.Wait()
	if n := encoded.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
}

func TestEncodingsStayWithinTheirBudget(t *testing.T) {
	e := encodings{budget: 1000}
	often := &api.Object{}
	again := 0
	for range 500 {
		for _, obj := range []*api.Object{{}, often} {
			_, err := e.get(keyOf(obj, form{}, ""), func() ([]byte, error) {
				if obj == often {
					again++
				}
				return make([]byte, 10), nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := len(e.young) + len(e.old); n > 203 {
			t.Fatalf("%d entries of 10 bytes kept", n)
		}
	}
	if again != 1 {
		t.Errorf("what is read all the time was encoded %d times", again)
	}
}
