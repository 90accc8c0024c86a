package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/store/postgres"
)

// Who points the server at a pooler alone is told which flag is missing.
func TestAMissingAddressToListenAtIsNamed(t *testing.T) {
	pooled, deaf := fmt.Errorf("x: %w", postgres.ErrPooled), fmt.Errorf("x: %w", postgres.ErrDeaf)
	for _, c := range []struct {
		err    error
		listen string
		begin  string
	}{
		{pooled, "", "--database-url: "},
		{pooled, "postgres://pooler/x", "--database-listen-url: "},
		{deaf, "postgres://other/x", "--database-listen-url: "},
		{fmt.Errorf("x"), "", "--database-url: x"},
	} {
		got := refusedStore("--database-url", c.err, c.listen).Error()
		if !strings.HasPrefix(got, c.begin) || c.listen == "" && c.err == pooled && !strings.Contains(got, "--database-listen-url") {
			t.Errorf("%v at %q: %s", c.err, c.listen, got)
		}
	}
}
