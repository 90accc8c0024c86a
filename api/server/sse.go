package server

import (
	"fmt"
	"io"

	"github.com/powernode/powernode/store"
)

// writeSSE sends the line of an event to a browser (EventSource): its data is the
// same JSON as in a watch. The id is the revision, which the browser sends
// as Last-Event-ID when it comes back; the events of the initial state have none, as nothing can
// be resumed in the middle of them.
func writeSSE(w io.Writer, line []byte, at store.Revision) error {
	if at > 0 {
		if _, err := fmt.Fprintf(w, "id: %s\n", at); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, "data: "); err != nil {
		return err
	}
	if _, err := w.Write(line); err != nil { // ends with its own newline
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
