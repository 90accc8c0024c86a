package server_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The specs that writes are measured with: one of 1 KiB that is little more than a text, and an
// ordinary one of 2 KiB with 20 items that have keys.
var benchSpecs = map[string]func(ships int) string{
	"plain": func(ships int) string {
		return fmt.Sprintf(`{"ships":%d,"flags":["a","b"],"extra":{"text":%q}}`, ships, strings.Repeat("x", 700))
	},
	"keyed": func(ships int) string {
		var ports []string
		for n := range 20 {
			ports = append(ports, fmt.Sprintf(`{"number":%d,"protocol":"TCP","name":"port-%d"}`, n, n))
		}
		return fmt.Sprintf(`{"ships":%d,"flags":["a","b"],"route":["x","y","z"],"ports":[%s],"extra":{"text":%q}}`, ships, strings.Join(ports, ","), strings.Repeat("x", 500))
	},
}

// benchWrites are writes to the fleet a: what a client sends of the nth, and its resourceVersion if it is told.
func benchWrites(spec func(ships int) string) []benchWrite {
	return []benchWrite{
		{"create", "POST", fleets, jsonMedia, func(n int, _ string) string { return fleetBody(fmt.Sprint("b", n), spec(1)) }},
		{"put", "PUT", fleets + "/a", jsonMedia, func(n int, version string) string {
			return fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q},"spec":%s}`, version, spec(n%900))
		}},
		{"merge patch", "PATCH", fleets + "/a", mergePatch, func(n int, _ string) string { return fmt.Sprintf(`{"spec":{"ships":%d}}`, n%900) }},
		{"merge patch without effect", "PATCH", fleets + "/a", mergePatch, func(int, string) string { return `{"spec":{"ships":1}}` }},
		{"JSON patch", "PATCH", fleets + "/a", jsonPatch, func(n int, _ string) string {
			return fmt.Sprintf(`[{"op":"replace","path":"/spec/ships","value":%d}]`, n%900)
		}},
		{"status put", "PUT", fleets + "/a/status", jsonMedia, func(n int, version string) string {
			return fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q},"spec":%s,"status":{"ships":%d}}`, version, spec(1), n%900)
		}},
		{"status patch", "PATCH", fleets + "/a/status", mergePatch, func(n int, _ string) string { return fmt.Sprintf(`{"status":{"ships":%d}}`, n%900) }},
		{"apply", "PATCH", fleets + "/a?fieldManager=m&force=true", applyPatch, func(n int, _ string) string { return fleetBody("a", fmt.Sprintf(`{"ships":%d}`, n%900)) }},
		{"apply whole", "PATCH", fleets + "/a?fieldManager=m&force=true", applyPatch, func(n int, _ string) string { return fleetBody("a", spec(n%900)) }},
		{"apply without effect", "PATCH", fleets + "/a?fieldManager=m&force=true", applyPatch, func(int, string) string { return fleetBody("a", `{"ships":1}`) }},
	}
}

type benchWrite struct {
	name, method, path, media string
	body                      func(n int, version string) string
}

// What a write costs through the whole handler, with the store in memory. Beside other work on
// the machine, CPU time says more than time.
func BenchmarkWrite(b *testing.B) {
	for name, spec := range benchSpecs {
		for _, write := range benchWrites(spec) {
			b.Run(name+"/"+write.name, func(b *testing.B) { write.measure(b, spec(1)) })
		}
	}
}

func (w benchWrite) measure(b *testing.B, spec string) {
	d := startDirect(b)
	if a := d.send("POST", fleets, jsonMedia, fleetBody("a", spec)); a.code != 201 {
		b.Fatal(a)
	}
	version := d.send("GET", fleets+"/a", jsonMedia, "").object(b).ResourceVersion
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime(b)
	for n := range b.N {
		a := d.send(w.method, w.path, w.media, w.body(n, version))
		if a.code >= 300 {
			b.Fatal(a)
		}
		if w.method == "PUT" {
			version = a.version()
		}
	}
	b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

// version is the resourceVersion in an answer, read cheaply.
func (a answer) version() string {
	_, rest, _ := strings.Cut(a.body, `"resourceVersion":"`)
	version, _, _ := strings.Cut(rest, `"`)
	return version
}

// cpuTime is what this process has used so far.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
