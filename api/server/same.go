package server

// sameFields reports whether two documents differ in nothing but metadata and status.
func sameFields(a, b map[string]any) bool {
	return a != nil && b != nil && wishIn(a, b) && wishIn(b, a)
}

// wishIn reports whether what a says outside metadata and status, b says too.
func wishIn(a, b map[string]any) bool {
	for name, value := range a {
		if name == "metadata" || name == "status" {
			continue
		}
		if other, there := b[name]; !there || !sameValue(value, other) {
			return false
		}
	}
	return true
}

// sameValue compares two decoded JSON values; it makes no garbage.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			if other, there := b[name]; !there || !sameValue(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}
