//go:build !failpoints

package failpoint

// Hit is a place at which an error can be made to come up.
func Hit(string) error { return nil }

// At is a place at which nothing can go wrong but that the process ends there, or stands still.
func At(string) {}

// After is the error of what came before the place, or the one that is made to come up there.
func After(_ string, err error) error { return err }
