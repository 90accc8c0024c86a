package reconcile

import "context"

// Empty asks for the removal of all objects of a kind in a namespace ("" is all), whose finalizers
// are honoured. It tells how many there were, and the first by name; the last of
// them to go brings the object back, as it has listed them.
func Empty(ctx context.Context, objects Objects, kind, namespace string) (n int, first string, err error) {
	found, err := objects.List(ctx, kind, namespace, nil)
	if err != nil {
		return 0, "", err
	}
	for _, obj := range found {
		if first == "" || obj.Name < first {
			first = obj.Name
		}
		if obj.DeletionTimestamp != nil {
			continue
		}
		if err := objects.Delete(ctx, obj.Key()); err != nil {
			return 0, "", err
		}
	}
	return len(found), first, nil
}
