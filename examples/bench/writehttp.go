package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	collection = "/api/v1/namespaces/default/configmaps"

	asJSON  = "application/json"
	asMerge = "application/merge-patch+json"
	asApply = "application/apply-patch+yaml"
)

func httpWriters() []writer {
	all := map[int]target{
		1: {ratio: 0.4, p50: 1500 * time.Microsecond}, 8: {ratio: 0.3},
		32: {ratio: 0.4, p99: 20 * time.Millisecond}, 64: {ratio: 0.3, stretch: 0.5, p99: 40 * time.Millisecond},
	}
	return []writer{
		{"HTTP create", all, httpWrites(create)},
		{"HTTP update", all, httpWrites(update)},
		{"HTTP merge patch", all, httpWrites(patch)},
		{"HTTP apply", all, httpWrites(apply)},
	}
}

// httpClient is one client of the API and the object that it has.
type httpClient struct {
	*connection
	name, version string // of the object
}

// httpWrites connects clients, each with an object of its own, and has them write.
func httpWrites(do func(ctx context.Context, c *httpClient, n int) error) func(context.Context, *field, int) (work, func(), error) {
	return func(ctx context.Context, f *field, clients int) (work, func(), error) {
		all := make([]*httpClient, clients)
		closeAll := func() {
			for _, c := range all {
				if c != nil {
					c.close()
				}
			}
		}
		for i := range all {
			conn, err := f.server.connect()
			if err == nil {
				all[i] = &httpClient{connection: conn, name: f.name()}
				err = all[i].create(ctx, all[i].name, 0)
			}
			if err != nil {
				closeAll()
				return nil, nil, err
			}
		}
		return func(ctx context.Context, client, n int) error { return do(ctx, all[client], n+1) }, closeAll, nil
	}
}

func (c *httpClient) create(ctx context.Context, name string, n int) error {
	return c.write(ctx, http.MethodPost, collection, asJSON, body(name, "", n))
}

// write notes the version of the object in the answer.
func (c *httpClient) write(ctx context.Context, method, path, media string, body []byte) error {
	answer, err := c.call(ctx, method, path, media, body)
	if err == nil {
		c.version = stringField(answer, "resourceVersion")
	}
	return err
}

// body is the object's document; version "" is left out.
func body(name, version string, n int) []byte {
	if version != "" {
		version = fmt.Sprintf(`,"resourceVersion":%q`, version)
	}
	return fmt.Appendf(nil, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q%s},"data":%s}`, name, version, dataOf(n))
}

func create(ctx context.Context, c *httpClient, n int) error {
	return c.create(ctx, fmt.Sprintf("%s-%d", c.name, n), n)
}

func update(ctx context.Context, c *httpClient, n int) error {
	return c.write(ctx, http.MethodPut, collection+"/"+c.name, asJSON, body(c.name, c.version, n))
}

func patch(ctx context.Context, c *httpClient, n int) error {
	return c.write(ctx, http.MethodPatch, collection+"/"+c.name, asMerge, fmt.Appendf(nil, `{"data":%s}`, dataOf(n)))
}

func apply(ctx context.Context, c *httpClient, n int) error {
	return c.write(ctx, http.MethodPatch, collection+"/"+c.name+"?fieldManager=bench&force=true", asApply, body(c.name, "", n))
}
