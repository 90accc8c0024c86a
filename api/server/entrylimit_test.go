package server_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhatCanNotBeKeptAccountOfIsRefused(t *testing.T) {
	h := start(t)
	entries := func(form string) string {
		var b strings.Builder
		for i := range 20_001 {
			fmt.Fprintf(&b, form, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	h.want(h.post(configMaps, `{"metadata":{"name":"there"}}`), 201)
	for place, meta := range map[string]string{
		"metadata.labels":     `"labels":{` + entries(`"k%d":"v",`) + `}`,
		"metadata.finalizers": `"finalizers":[` + entries(`"a.b/k%d",`) + `]`,
	} {
		text := place + " has 20001 entries"
		object := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"there",` + meta + `}}`
		for how, refused := range map[string]answer{
			"create": h.post(configMaps, object),
			"update": h.put(configMaps+"/there", object),
			"merge":  h.merge(configMaps+"/there", `{"metadata":{`+meta+`}}`),
			"apply":  h.do("PATCH", configMaps+"/there?fieldManager=t", object, "Content-Type", "application/apply-patch+yaml"),
		} {
			t.Run(how+" "+place, func(t *testing.T) {
				h.refused(refused, 413, metav1.StatusReasonRequestEntityTooLarge, text)
			})
		}
	}
}
