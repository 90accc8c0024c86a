package server

import (
	"fmt"
	"slices"
	"strings"
)

// mostEntries is the most entries of one map of an object, or of a list of its metadata: to keep account
// of whose each of them is costs by the square of their number.
const mostEntries = 20_000

// notCrowded refuses a document with more entries in one place than can be kept account of.
func notCrowded(doc map[string]any) error {
	at, n := crowdedIn(doc)
	if meta, ok := doc["metadata"].(map[string]any); ok && n == 0 {
		for name, value := range meta {
			if list, ok := value.([]any); ok && len(list) > mostEntries {
				at, n = []string{name, "metadata"}, len(list)
			}
		}
	}
	if n == 0 {
		return nil
	}
	slices.Reverse(at)
	return fmt.Errorf("%w: %s has %d entries, at most %d are taken", errTooLarge, strings.Join(at, "."), n, mostEntries)
}

// crowdedIn finds a map with too many entries, and its path from its end; 0 is none.
func crowdedIn(value any) (at []string, n int) {
	switch value := value.(type) {
	case map[string]any:
		if len(value) > mostEntries {
			return nil, len(value)
		}
		for name, field := range value {
			if at, n := crowdedIn(field); n > 0 {
				return append(at, name), n
			}
		}
	case []any:
		for i, item := range value {
			if at, n := crowdedIn(item); n > 0 {
				return append(at, fmt.Sprint(i)), n
			}
		}
	}
	return nil, 0
}
