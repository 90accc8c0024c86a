package api

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPropagate(t *testing.T) {
	for _, c := range []struct {
		policy     metav1.DeletionPropagation
		have, want string
	}{
		{"", "", ""},
		{"", "orphan x", "orphan x"},
		{"Background", "", ""},
		{"Background", "x foregroundDeletion y orphan", "x y"},
		{"Foreground", "", "foregroundDeletion"},
		{"Foreground", "foregroundDeletion x", "foregroundDeletion x"},
		{"Foreground", "orphan x", "x foregroundDeletion"},
		{"Orphan", "x foregroundDeletion", "x orphan"},
		{"Orphan", "orphan foregroundDeletion", "orphan"},
	} {
		if got := strings.Join(Propagate(c.policy, strings.Fields(c.have)), " "); got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.policy, c.have, got, c.want)
		}
	}
}
