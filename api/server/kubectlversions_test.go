package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
)

// Some machines have a kubectl for every minor version, and the one on the PATH
// runs that which the server's version asks for. Those before 1.29 see by OpenAPI v2 what the
// server validates.
func TestEveryKubectlThatIsThere(t *testing.T) {
	for minor := 27; minor <= 33; minor++ {
		t.Run(fmt.Sprintf("1.%d", minor), func(t *testing.T) {
			k := startKubectl(t, withFleets(t), func(c *server.Config) { c.GitVersion = fmt.Sprintf("v1.%d.0+powernode", minor) })
			out, _, _ := strings.Cut(k.run(args("version -o json")), "serverVersion")
			if !strings.Contains(out, fmt.Sprintf(`"gitVersion": "v1.%d.`, minor)) {
				t.Skipf("no such kubectl here: %s", out)
			}
			file := k.file("one.yaml", widgetFile)
			k.run(args("apply -f "+file), "created")
			k.run(args("apply -f "+file), "unchanged")
			k.run(args("get wd"), "one", "SIZE")
			k.fails(args("apply -f "+k.file("odd.yaml", strings.Replace(widgetFile, "spec:", "spec:\n  bogus: 1", 1))), "bogus")
			k.run(args("explain widget.spec"), "How large it is.")
			k.run(args("label wd one a=b"), "labeled")
			k.run([]string{"patch", "wd", "one", "--type=merge", "-p", `{"spec":{"colour":"blue"}}`}, "patched")
			k.run(args("apply --server-side -f "+file), "serverside-applied")
			k.fails([]string{"apply", "--server-side", "--field-manager=rival", "-f", k.file("two.yaml", strings.Replace(widgetFile, "size: 3", "size: 6", 1))}, "conflict with", "--force-conflicts")
			k.run(args("apply --server-side --force-conflicts --field-manager=rival -f "+k.home+"/two.yaml"), "serverside-applied")
			k.file("editor", "#!/bin/sh\nsed -i 's/size: 6/size: 7/' \"$1\"\n")
			k.run(args("edit wd one"), "edited")
			k.run([]string{"patch", "wd", "one", "--type=json", "-p", `[{"op":"test","path":"/spec/size","value":7}]`}, "patched (no change)")
			k.run(args("replace --force -f "+file), "replaced")
			k.run([]string{"apply", "-f", k.file("fleet.yaml", "apiVersion: test.powernode.io/v1\nkind: Fleet\nmetadata: {name: f}\nspec: {ships: 1}\n")}, "created")
			k.run(args("scale fleet/f --replicas=2 --current-replicas=1"), "scaled")
			k.run([]string{"patch", "fleet", "f", "--subresource=status", "--type=merge", "-p", `{"status":{"ships":2}}`}, "patched")
			k.run(args("create configmap c --from-literal a=b"), "created")
			k.run([]string{"patch", "configmap", "c", "-p", `{"data":{"a":"c"}}`}, "patched")
			k.run(args("create secret generic s --from-literal a=b"), "created")
			k.run(args("create namespace n"), "created")
			k.run(args("delete wd one"), "deleted")
		})
	}
}
