package schemas

import (
	"net/url"
	"strconv"
	"strings"
)

// pointer splits a JSON pointer, as the validator writes them, into names.
func pointer(p string) []string {
	p = strings.TrimPrefix(p, "/")
	if p == "" {
		return nil
	}
	names := strings.Split(p, "/")
	for i, name := range names {
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return names
}

// index reads an index that the validator wrote.
func index(name string) int {
	i, _ := strconv.Atoi(name)
	return i
}
