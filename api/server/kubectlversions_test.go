package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
)

// Some machines have a kubectl for every minor version, and the one on the PATH
// runs that which the server's version asks for. Those before 1.29 validate by OpenAPI
// v2, which says nothing here.
func TestEveryKubectlThatIsThere(t *testing.T) {
	for minor := 29; minor <= 33; minor++ {
		t.Run(fmt.Sprintf("1.%d", minor), func(t *testing.T) {
			k := startKubectl(t, func(c *server.Config) { c.GitVersion = fmt.Sprintf("v1.%d.0+powernode", minor) })
			if out := k.run(args("version")); !strings.Contains(out, fmt.Sprintf("Client Version: v1.%d", minor)) {
				t.Skipf("no such kubectl here: %s", out)
			}
			file := k.file("one.yaml", widgetFile)
			k.run(args("apply -f "+file), "created")
			k.run(args("apply -f "+file), "unchanged")
			k.run(args("get wd"), "one", "SIZE")
			k.run(args("explain widget.spec"), "How large it is.")
			k.run(args("label wd one a=b"), "labeled")
			k.run([]string{"patch", "wd", "one", "--type=merge", "-p", `{"spec":{"size":5}}`}, "patched")
			k.run(args("create secret generic s --from-literal a=b"), "created")
			k.run(args("create namespace n"), "created")
			k.run(args("delete wd one"), "deleted")
		})
	}
}
