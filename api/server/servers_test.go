package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// onPostgres is a server of its own on a database that others use too.
func onPostgres(t *testing.T, dsn string) *harness {
	t.Helper()
	objects, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	return start(t, func(c *server.Config) { c.Store = objects })
}

func TestADefinitionOfOneServerIsServedByTheOther(t *testing.T) {
	dsn := pgtest.DSN(t)
	a, b := onPostgres(t, dsn), onPostgres(t, dsn)
	a.manage()
	b.want(b.get(gears), 404)
	a.define(crd("gears", "Gear", "", "teeth"))
	a.want(a.post(gears, gear), 201)
	eventually(t, "the kind on the other server", func() bool { return b.get(gears+"/a").code == 200 })
	b.want(b.post(gears, strings.Replace(gear, `"a"`, `"b"`, 1)), 201)
	b.want(b.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	b.refusedWhileGoing(gears)
	for _, h := range []*harness{a, b} {
		eventually(t, "the end of the kind", func() bool { return h.get(gears).code == 404 })
	}
	if left := a.all(gearKind); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// refusedWhileGoing makes sure that nothing new comes of a kind whose definition was deleted.
func (h *harness) refusedWhileGoing(path string) {
	h.Helper()
	if a := h.post(path, strings.Replace(gear, `"a"`, `"late"`, 1)); a.code != 405 && a.code != 404 {
		h.Fatalf("created late: %s", a)
	}
}

func TestADeletionGoesOnAfterARestart(t *testing.T) {
	dsn := pgtest.DSN(t)
	const objects, held = 200, 150
	first := onPostgres(t, dsn)
	stop := first.managed()
	first.define(crd("gears", "Gear", "", "teeth"))
	for i := range objects {
		finalizers := ""
		if i < held {
			finalizers = `,"finalizers":["example.org/hold"]`
		}
		first.want(first.post(gears, strings.Replace(gear, `"name":"a"`, fmt.Sprintf(`"name":"g%03d"%s`, i, finalizers), 1)), 201)
	}
	first.want(first.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	eventually(t, "the middle of the deletion", func() bool { return len(first.all(gearKind)) < objects })
	stop()
	first.server.Drain()

	second := onPostgres(t, dsn)
	second.refusedWhileGoing(gears)
	second.manage()
	eventually(t, "those that are held are left", func() bool { return len(second.all(gearKind)) == held })
	second.want(second.get(definitionsPath+"/gears.example.org"), 200)
	for _, name := range second.all(gearKind) {
		second.want(second.merge(gears+"/"+name, `{"metadata":{"finalizers":null}}`), 200)
	}
	eventually(t, "the end of the kind", func() bool { return second.get(gears).code == 404 })
	if left := second.all(gearKind); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	_, err := second.store.Get(t.Context(), api.Key{Kind: "CustomResourceDefinition.apiextensions.k8s.io", Name: "gears.example.org"})
	if err == nil {
		t.Error("the definition is left")
	}
}
