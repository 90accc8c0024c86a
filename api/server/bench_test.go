package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// benchFleet is an object of the size of an ordinary one: some 2 KB.
func benchFleet(ships int) string {
	var ports []string
	for n := range 20 {
		ports = append(ports, fmt.Sprintf(`{"number":%d,"protocol":"TCP","name":"port-%d"}`, n, n))
	}
	return fmt.Sprintf(`{"ships":%d,"flags":["a","b"],"route":["x","y","z"],"ports":[%s],"extra":{"text":%q}}`, ships, strings.Join(ports, ","), strings.Repeat("x", 500))
}

// What a write costs through the whole handler, with the store in memory.
func BenchmarkWrite(b *testing.B) {
	seed := func(d direct) {
		if a := d.send("POST", fleets, jsonMedia, fleetBody("a", benchFleet(1))); a.code != 201 {
			d.Fatal(a)
		}
	}
	for _, c := range []struct {
		name, method, path, media string
		body                      func(n int) string
	}{
		{"create", "POST", fleets, jsonMedia, func(n int) string { return fleetBody(fmt.Sprint("b", n), benchFleet(1)) }},
		{"put", "PUT", fleets + "/a", jsonMedia, nil},
		{"merge patch", "PATCH", fleets + "/a", mergePatch, func(n int) string { return fmt.Sprintf(`{"spec":{"ships":%d}}`, n%900) }},
		{"merge patch without effect", "PATCH", fleets + "/a", mergePatch, func(int) string { return `{"spec":{"ships":1}}` }},
		{"JSON patch", "PATCH", fleets + "/a", jsonPatch, func(n int) string {
			return fmt.Sprintf(`[{"op":"replace","path":"/spec/ships","value":%d}]`, n%900)
		}},
		{"status patch", "PATCH", fleets + "/a/status", mergePatch, func(n int) string { return fmt.Sprintf(`{"status":{"ships":%d}}`, n%900) }},
		{"apply", "PATCH", fleets + "/a?fieldManager=m&force=true", applyPatch, func(n int) string { return fleetBody("a", fmt.Sprintf(`{"ships":%d}`, n%900)) }},
		{"apply without effect", "PATCH", fleets + "/a?fieldManager=m&force=true", applyPatch, func(int) string { return fleetBody("a", `{"ships":1}`) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := startDirect(b)
			seed(d)
			version := d.send("GET", fleets+"/a", jsonMedia, "").object(b).ResourceVersion
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				var body string
				if c.body != nil {
					body = c.body(n)
				} else {
					body = fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q},"spec":%s}`, version, benchFleet(n%900))
				}
				a := d.send(c.method, c.path, c.media, body)
				if a.code >= 300 {
					b.Fatal(a)
				}
				if c.body == nil {
					version = a.object(b).ResourceVersion
				}
			}
		})
	}
}
