package server_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/memory"
)

// BenchmarkPatch is a write with and without its record: the ratio is what the audit costs.
func BenchmarkPatch(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("audit=%t", on), func(b *testing.B) {
			objects := &memory.Store{}
			cfg := server.Config{Store: objects, Kinds: testKinds(b),
				Authenticate: server.Tokens(map[string]server.User{adminToken: {Name: "admin", Groups: []string{server.Masters}}})}
			if on {
				cfg.Audit = objects.Audit()
			}
			s, err := server.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			call := func(method, path, body string, code int) {
				r := httptest.NewRequest(method, path, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+adminToken)
				if method == "PATCH" {
					r.Header.Set("Content-Type", asMerge)
				}
				w := httptest.NewRecorder()
				if s.ServeHTTP(w, r); w.Code != code {
					b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
				}
			}
			call("POST", "/api/v1/namespaces", `{"metadata":{"name":"default"}}`, 201)
			parts := strings.Repeat(`{"name":"a part of the widget"},`, 30)
			call("POST", widgets, fmt.Sprintf(`{"metadata":{"name":"w"},"spec":{"size":1,"parts":[%s]}}`, strings.TrimSuffix(parts, ",")), 201)
			b.ReportAllocs()
			b.ResetTimer()
			start := cpuTime(b)
			for n := range b.N {
				call("PATCH", widgets+"/w", fmt.Sprintf(`{"spec":{"size":%d}}`, 1+n%100), 200)
			}
			b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
