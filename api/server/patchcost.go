package server

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// maxPatchMoves is how many items of lists a JSON patch may move: a second's work, where ordinary
// patches take thousandths of one.
const maxPatchMoves = 100_000_000

// movesIn is how often the operations of a JSON patch put something into a list, or take something out
// of it, other than at its end. Each time all items may move. What else they do costs no more than
// the bytes of the patch and of the document.
func movesIn(patch jsonpatch.Patch) (n int) {
	for _, op := range patch {
		kind := op.Kind()
		if kind != "add" && kind != "remove" && kind != "move" && kind != "copy" {
			continue
		}
		if path, err := op.Path(); err == nil && namesItem(path) {
			n++
		}
		if from, err := op.From(); kind == "move" && err == nil && namesItem(from) {
			n++
		}
	}
	return n
}

// namesItem reports whether a path may end at an item of a list.
func namesItem(path string) bool {
	_, err := strconv.Atoi(path[strings.LastIndex(path, "/")+1:])
	return err == nil
}

// checkMoves refuses a patch that could move too many items in a document. No list has more of them
// than there are commas in both, and one.
func checkMoves(moves int, live, patch []byte) error {
	moves *= bytes.Count(live, []byte(",")) + bytes.Count(patch, []byte(",")) + 1
	if moves <= maxPatchMoves {
		return nil
	}
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("the patch may have to move items of lists %d times, at most %d are taken: "+
		"send its operations in several patches, or replace whole lists", moves, maxPatchMoves))
}
