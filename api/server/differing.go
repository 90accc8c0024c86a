package server

// differing are two documents without what is the same in both: fields, and the items at the same
// place of a list. What the field managers find to differ in them is what differs in the whole,
// however lists are merged; and to look at it costs as much as has changed, not as much as there is.
// They share what is left with a and b.
//
// (Where an item that is left out has the key of another one that stays, the managers see one
// where there were two. No schema lets such a list in.)
func differing(a, b map[string]any) (onlyA, onlyB map[string]any) {
	onlyA, onlyB = differingFields(a, b)
	if onlyA == nil {
		return map[string]any{}, map[string]any{}
	}
	return onlyA, onlyB
}

// differingFields are both nil when the two are the same, and neither when not.
func differingFields(a, b map[string]any) (onlyA, onlyB map[string]any) {
	differ := func() {
		if onlyA == nil {
			onlyA, onlyB = map[string]any{}, map[string]any{}
		}
	}
	for name, value := range a {
		other, there := b[name]
		x, y, same := differingValues(value, other)
		if there && same {
			continue
		}
		differ()
		if onlyA[name] = value; there {
			onlyA[name], onlyB[name] = x, y
		}
	}
	for name, value := range b {
		if _, there := a[name]; !there {
			differ()
			onlyB[name] = value
		}
	}
	return onlyA, onlyB
}

func differingValues(a, b any) (onlyA, onlyB any, same bool) {
	switch was := a.(type) {
	case map[string]any:
		if is, ok := b.(map[string]any); ok {
			x, y := differingFields(was, is)
			return x, y, x == nil
		}
	case []any:
		if is, ok := b.([]any); ok {
			x, y := differingItems(was, is)
			return x, y, x == nil
		}
	}
	return a, b, sameValue(a, b)
}

// differingItems are both nil when the two are the same, and neither when not. Items are whole:
// what they are told apart by is in them.
func differingItems(a, b []any) (onlyA, onlyB []any) {
	common := min(len(a), len(b))
	for i := range common {
		if !sameValue(a[i], b[i]) {
			onlyA, onlyB = append(onlyA, a[i]), append(onlyB, b[i])
		}
	}
	if len(onlyA) == 0 && len(a) == len(b) {
		return nil, nil
	}
	return append(append([]any{}, onlyA...), a[common:]...), append(append([]any{}, onlyB...), b[common:]...)
}
