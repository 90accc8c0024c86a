package runner

import "os"

// Under the race detector a program stays for a second when it ends, unless GORACE says otherwise.
func init() {
	alone := shimEnv
	shimEnv = func() []string { return append(alone(), "GORACE="+os.Getenv("GORACE")) }
}
