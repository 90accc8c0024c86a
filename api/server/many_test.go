package server_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/memory"
)

// bigDefinition is a definition of the size that operators have: some 60 fields, with rules.
func bigDefinition(n int) string {
	fields := ""
	for i := range 30 {
		fields += fmt.Sprintf(`,"field%d":{"type":"object","description":"What field %[1]d is for, in a sentence of some length.","properties":{"size":{"type":"integer","default":%[1]d},"name":{"type":"string","maxLength":63}}}`, i)
	}
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"kind%[1]ds.group%[2]d.example.org"},
		"spec":{"group":"group%[2]d.example.org","scope":"Namespaced","names":{"plural":"kind%[1]ds","kind":"Kind%[1]d"},"versions":[{"name":"v1","served":true,"storage":true,
		"subresources":{"status":{}},
		"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}%[3]s},
		"x-kubernetes-validations":[{"rule":"!has(self.size) || self.size < 100","message":"too large"}]},"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}}`,
		n, n%20, fields)
}

// TestManyKinds: all of them are served, and the documents that tell of them.
func TestManyKinds(t *testing.T) {
	const kinds = 25
	h := start(t).manage()
	for i := range kinds {
		h.define(bigDefinition(i))
		h.want(h.post(fmt.Sprintf("/apis/group%d.example.org/v1/namespaces/default/kind%ds", i%20, i), `{"metadata":{"name":"a"},"spec":{"size":1}}`), 201)
	}
	eventually(t, "all established", func() bool {
		return strings.Count(h.want(h.get(definitionsPath), 200).body, `"InitialNamesAccepted"`) == kinds
	})
	for path, part := range map[string]string{"/apis": `"group19.example.org"`, "/openapi/v3": `"apis/group19.example.org/v1"`, "/openapi/v2": `"Kind24"`} {
		contains(t, path, h.want(h.get(path), 200).body, part)
	}
}

// BenchmarkAChangeAmong200Kinds is the time from the write of a definition to the answer, when it is
// served; and what the kinds take of memory.
func BenchmarkAChangeAmong200Kinds(b *testing.B) {
	objects, before := &memory.Store{}, heap()
	h := start(b, func(c *server.Config) {
		c.Store = objects
		for i := range 200 {
			if _, err := objects.Create(context.Background(), answer{body: bigDefinition(i)}.object(b)); err != nil {
				b.Fatal(err)
			}
		}
	})
	h.want(h.get("/apis/group7.example.org/v1/kind7s"), 200)
	b.Logf("200 kinds: %.0f MiB of heap", heap()-before)
	b.Run("change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			h.want(h.merge(definitionsPath+"/kind7s.group7.example.org", fmt.Sprintf(`{"spec":{"names":{"shortNames":["k%d"]}}}`, i)), 200)
		}
	})
	b.Run("discovery", func(b *testing.B) {
		for b.Loop() {
			h.want(h.get("/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"), 200)
		}
	})
	b.Run("change and OpenAPI v3", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			h.want(h.merge(definitionsPath+"/kind7s.group7.example.org", fmt.Sprintf(`{"spec":{"names":{"shortNames":["k%d"]}}}`, i)), 200)
			h.want(h.get("/openapi/v3"), 200)
		}
	})
}

// heap is what is in use, in MiB.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
