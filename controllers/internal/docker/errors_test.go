package docker

import (
	"errors"
	"testing"
)

// What an engine says must be the same at each try, or each try would be news.
func TestWordsAreStable(t *testing.T) {
	for said, want := range map[string]string{
		"Error response from daemon: No such image: shop:1": "No such image: shop:1",
		"driver failed programming external connectivity on endpoint shop (3ea0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e): port is already allocated": "driver failed programming external connectivity on endpoint shop (…): port is already allocated",
		"read tcp 127.0.0.1:48212->127.0.0.1:2375: connection reset by peer":                                                                                             "read tcp …127.0.0.1:2375: connection reset by peer",
		"two\nlines":                 "two lines",
		"a face of cafe1234 is kept": "a face of cafe1234 is kept",
	} {
		if got := stable(errors.New(said)); got != want {
			t.Errorf("%q became %q, want %q", said, got, want)
		}
	}
}
