package server_test

import "strings"

const widgetFile = `apiVersion: test.powernode.io/v1
kind: Widget
metadata:
  name: one
  labels: {app: demo}
spec:
  size: 3
  parts:
  - {name: wheel, count: 4}
`

const fleetFile = "apiVersion: test.powernode.io/v1\nkind: Fleet\nmetadata: {name: one}\nspec: {ships: 3}\nstatus: {ships: 2}\n"

// prunes deletes what is no longer in the folder and has the label.
func (k *kubectl) prunes() {
	two := strings.Replace(widgetFile, "name: one", "name: two", 1)
	file := k.file("both.yaml", widgetFile+"---\n"+two)
	prune := []string{"apply", "--prune", "-l", "app=demo", "--prune-allowlist=test.powernode.io/v1/Widget", "-f", file}
	k.widget("other", 1)
	k.run(prune, "one created", "two created")
	k.file("both.yaml", widgetFile)
	k.run(append(prune, "--dry-run=server"), "two pruned (server dry run)")
	k.run(prune, "one unchanged", "two pruned")
	k.want(k.get(widgets+"/two"), 404)
	k.want(k.get(widgets+"/other"), 200)
	k.fails([]string{"apply", "--prune", "-l", "app=demo", "-f", file}, "no matches for kind") // its own list has kinds that are not here
	k.run(args("delete wd --all"), `"one" deleted`, `"other" deleted`)
}

func (k *kubectl) scales() {
	k.file("fleet.yaml", fleetFile)
	k.run(args("create -f fleet.yaml"), "created")
	k.run(args("scale fleet/one --replicas=5"), "scaled")
	k.run(args("scale fleet/one --replicas=6 --current-replicas=5"), "scaled")
	k.fails(args("scale fleet/one --replicas=7 --current-replicas=5"), "Expected replicas to be 5, was 6")
	k.fails(args("scale fleet/one --replicas=7 --resource-version=1"), "1, was")
	k.run(args("get fleet one -o jsonpath={.spec.ships}"), "6")
}

func (k *kubectl) writesSubresources() {
	status := func(kind, patch string) []string {
		return []string{"patch", "fleet", "one", "--subresource=status", "--type=" + kind, "-p", patch}
	}
	ships := func(want string) { k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), want) }
	k.run(args("get fleet one --subresource=scale -o jsonpath={.spec.replicas}"), "6")
	k.run([]string{"patch", "fleet", "one", "--subresource=scale", "--type=merge", "-p", `{"spec":{"replicas":7}}`}, "patched")
	k.run(status("merge", `{"status":{"ships":777},"spec":{"ships":1}}`), "patched")
	k.run(status("json", `[{"op":"replace","path":"/status/ships","value":888}]`), "patched")
	ships("7/888")
	k.edits(args("edit fleet one --subresource=status"), "ships:", "888", "999")
	k.run(args("get fleet one --subresource=status -o jsonpath={.spec.ships}/{.status.ships}"), "7/999")
	live := k.run(args("get fleet one -o yaml"))
	k.file("all.yaml", strings.NewReplacer("ships: 999", "ships: 4", "ships: 7", "ships: 1").Replace(live))
	k.run(args("replace --subresource=status -f all.yaml"), "replaced")
	ships("7/4")
	k.fails([]string{"patch", "namespace", "default", "--subresource=scale", "--type=merge", "-p", `{}`}, "NotFound")
	k.run([]string{"patch", "namespace", "default", "--subresource=status", "-p", `{"status":{"conditions":[{"type":"a","status":"True"}]}}`}, "patched")
	k.run(args("get namespace default -o jsonpath={.status.phase}{.status.conditions[0].type}"), "Activea")
}

func (k *kubectl) appliesToSubresources() {
	k.run(args("delete fleet one"), "deleted")
	k.run(args("apply --server-side -f fleet.yaml"), "serverside-applied")
	k.run(args("apply --server-side --subresource=status -f fleet.yaml"), "serverside-applied")
	k.run(args("get fleet one -o jsonpath={.spec.ships}/{.status.ships}"), "3/2")
	k.run(args("get fleet one -o yaml --show-managed-fields"), "subresource: status")
}

func (k *kubectl) hearsWhatIsWrong() {
	k.file("unknown.yaml", strings.Replace(widgetFile, "  size: 3", "  size: 3\n  sise: 4", 1))
	k.fails(args("apply -f unknown.yaml"), `"spec.sise"`)
	k.run(args("apply --validate=warn -f unknown.yaml"), `"spec.sise"`, "created")
	k.run(args("apply --validate=ignore -f unknown.yaml"), "one")
	k.file("wrong.yaml", strings.Replace(widgetFile, "size: 3", "size: 3000", 1))
	k.fails(args("apply -f wrong.yaml"), "spec.size", "100")
	k.file("type.yaml", strings.Replace(widgetFile, "size: 3", "size: large", 1))
	k.fails(args("apply -f type.yaml"), "spec.size")
	k.file("kind.yaml", "apiVersion: test.powernode.io/v1\nkind: Wigdet\nmetadata: {name: a}\n")
	k.fails(args("apply -f kind.yaml"), `no matches for kind "Wigdet" in version "test.powernode.io/v1"`)
	k.file("version.yaml", "apiVersion: test.powernode.io/v2\nkind: Widget\nmetadata: {name: a}\n")
	k.fails(args("apply -f version.yaml"), `no matches for kind "Widget" in version "test.powernode.io/v2"`)
	k.fails(args("create -n nowhere -f unknown.yaml --validate=ignore"), `namespaces "nowhere" not found`)
	k.run(args("delete wd one"), "deleted")
	config := read(k, k.home+"/config")
	k.file("config", strings.Replace(config, adminToken, "wrong", 1))
	k.fails(args("get wd"), "Unauthorized")
	k.file("config", config)
}

func (k *kubectl) createsCoreKinds() {
	k.run(args("create configmap settings --from-literal a=1 --from-literal b=2"), "configmap/settings created")
	k.run(args("create configmap settings --dry-run=client -o yaml"), "kind: ConfigMap")
	k.run([]string{"apply", "-f", k.file("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {x: '1'}\n")}, "created")
	k.run([]string{"apply", "-f", k.file("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {z: '2'}\n")}, "configured")
	k.run([]string{"get", "cm", "applied", "-o", "jsonpath={.data}"}, `{"z":"2"}`)
	k.run(args("create secret generic key --from-literal password=hunter2"), "secret/key created")
	k.run([]string{"patch", "secret", "key", "-p", `{"stringData":{"user":"me"}}`}, "patched")
	k.run([]string{"get", "secret", "key", "-o", "jsonpath={.data.password} {.type} {.data.user} {.stringData}"}, "aHVudGVyMg== Opaque bWU= ")
	k.run(args("describe secret key"), "password:", "bytes")
	k.run(args("create serviceaccount robot"), "serviceaccount/robot created")
	token := strings.TrimSpace(k.run(args("create token robot --duration=20m")))
	if who := k.whoAmI(token); who.Username != "system:serviceaccount:default:robot" {
		k.Errorf("the token is of %+v", who)
	}
	k.run(args("create namespace gone --dry-run=server"), "namespace/gone created (server dry run)")
	k.run(args("create namespace gone"), "namespace/gone created")
	k.run(args("delete namespace gone --wait=false"), "deleted")
	k.run(args("get namespace gone -o yaml"), "deletionTimestamp")
	k.fails(args("create configmap late -n gone"), "because it is being terminated")
}

func (k *kubectl) asksWhoItIs() {
	k.run(args("auth whoami"), "admin", "system:masters", "system:authenticated")
	k.run(args("--as=ben --as-group=team auth whoami"), "ben", "team")
}

func (k *kubectl) asksForRights() {
	k.run(args("auth can-i create widgets"), "yes")
	k.run(args("auth can-i --list"), "*.*", "[*]")
	if out, _ := k.try("auth", "can-i", "create", "deployments.apps"); !strings.Contains(out, "no") {
		k.Errorf("can-i of a resource that is not served: %s", out)
	}
	k.run(args("create role reader --verb=get,list --resource=widgets.test.powernode.io"), "role.rbac.authorization.k8s.io/reader created")
	k.run(args("create rolebinding ann-reads --role=reader --user=ann"), "rolebinding.rbac.authorization.k8s.io/ann-reads created")
	k.run(args("create clusterrole lister --verb=list --resource=namespaces"), "clusterrole.rbac.authorization.k8s.io/lister created")
	k.run(args("create clusterrolebinding ann-lists --clusterrole=lister --user=ann"), "clusterrolebinding.rbac.authorization.k8s.io/ann-lists created")
	k.run(args("--as=ann auth can-i --list"), "widgets.test.powernode.io", "[get list]", "namespaces")
	k.run(args("--as=ann get wd"), "No resources found")
	k.fails(args("--as=ann auth can-i create widgets"), "no")
	k.fails(args("--as=ann create configmap c"), `configmaps is forbidden: User "ann" cannot create resource "configmaps"`)
	k.run(args("--as=ben --as-group=system:masters auth can-i --list"), "*.*")
	k.reconcilesRole()
}

func (k *kubectl) reconcilesRole() {
	k.file("rbac.yaml", `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{verbs: [delete], apiGroups: [test.powernode.io], resources: [widgets]}]
`)
	k.run(args("auth reconcile -f rbac.yaml"), "reader reconciled")
	k.run(args("get role reader -o yaml"), "- delete", "- list")
}
