package server_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	selfReviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	configMaps  = "/api/v1/namespaces/default/configmaps"
)

// bomb is a small YAML document that is size bytes long when its aliases are written out.
func bomb(size int) string {
	const text = 20_000
	return "metadata: {name: bomb}\nx: &a " + strings.Repeat("x", text) + "\ny: [" + strings.Repeat("*a,", size/text) + "]\n"
}

func TestAliasesOfYAMLAreBounded(t *testing.T) {
	h := start(t)
	yaml := []string{"Content-Type", "application/yaml"}
	for what, refused := range map[string]answer{
		"anybody's question": h.do("POST", selfReviews, bomb(8<<20), append(yaml, as(guestToken)...)...),
		"create":             h.do("POST", configMaps, bomb(8<<20), yaml...),
		"apply":              h.do("PATCH", configMaps+"/bomb?fieldManager=t", bomb(8<<20), "Content-Type", "application/apply-patch+yaml"),
		"delete":             h.do("DELETE", configMaps+"/bomb", bomb(8<<20), yaml...),
		"keys":               h.do("POST", configMaps, "x: &a "+strings.Repeat("x", 100_000)+"\ny: ["+strings.Repeat("{*a : 1},", 100)+"]\n", yaml...),
	} {
		t.Run(what, func(t *testing.T) {
			h.refused(refused, 413, metav1.StatusReasonRequestEntityTooLarge, "with what its aliases stand for")
		})
	}
	got := h.want(h.do("POST", configMaps, "metadata: {name: good}\ndata: {a: &a some*text, b: *a}\n", yaml...), 201)
	contains(t, "aliases", got.body, `"b":"some*text"`)
}
