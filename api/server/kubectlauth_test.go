package server_test

import (
	"strings"
	"testing"
)

// A session about rights with the real kubectl: every command that is about them.
func TestKubectlGivesAndAsksForRights(t *testing.T) {
	k := startKubectl(t, withLog)
	words := func(line string) []string { return strings.Fields(line) }
	k.aggregate()
	k.run(words("auth whoami"), "Username", "admin", "system:masters", "system:authenticated")
	k.run(words("auth can-i delete widgets"), "yes")
	k.run(words("auth can-i --list"), "*.*", "[*]")

	k.run(words("create role reader --verb=get,list,watch --resource=widgets.test.powernode.io --resource=widgets.test.powernode.io/log"), "role.rbac.authorization.k8s.io/reader created")
	k.run(words("create role one --verb=get --resource=secrets --resource-name=only"), "created")
	k.run(words("create clusterrole lister --verb=list --resource=namespaces"), "clusterrole.rbac.authorization.k8s.io/lister created")
	k.run(words("create clusterrole prober --verb=get --non-resource-url=/metrics"), "created")
	k.run(words("create clusterrole sum --aggregation-rule=into=sum"), "created")
	k.run(words("create rolebinding ann-reads --role=reader --user=ann --group=team --serviceaccount=default:bot"), "rolebinding.rbac.authorization.k8s.io/ann-reads created")
	k.run(words("create rolebinding ann-one --role=one --user=ann"), "created")
	k.run(words("create clusterrolebinding ann-lists --clusterrole=lister --user=ann"), "clusterrolebinding.rbac.authorization.k8s.io/ann-lists created")
	k.run(words("create clusterrolebinding ann-probes --clusterrole=prober --user=ann"), "created")
	k.run(words("get roles,rolebindings"), "reader", "Role/reader", "ann-reads")
	k.run(words("get rolebinding ann-reads -o wide"), "ann", "team", "default/bot")
	k.run(words("describe role reader"), "widgets.test.powernode.io/log", "[get list watch]")
	k.run(words("describe clusterrolebinding ann-lists"), "Kind:  ClusterRole", "lister", "User  ann")

	as := func(rest ...string) []string { return append([]string{"--as=ann"}, rest...) }
	k.run(as("auth", "whoami"), "ann")
	k.run(as("auth", "can-i", "list", "widgets"), "yes")
	k.run(as("auth", "can-i", "get", "widgets/a", "--subresource=log"), "yes")
	k.run(as("auth", "can-i", "get", "secrets/only"), "yes")
	k.run(as("auth", "can-i", "list", "namespaces"), "yes")
	k.run(as("auth", "can-i", "get", "/metrics"), "yes")
	k.fails(as("auth", "can-i", "get", "secrets"), "no")
	k.fails(as("auth", "can-i", "list", "widgets", "--namespace", "other"), "no")
	k.fails(as("auth", "can-i", "create", "widgets"), "no")
	k.run(as("auth", "can-i", "--list"), "widgets.test.powernode.io", "[get list watch]", "secrets", "[only]", "/metrics", "selfsubjectreviews.authentication.k8s.io")
	k.run(as("get", "widgets"), "No resources found")
	k.run(as("get", "namespaces"), "default")
	k.run(as("get", "--raw", "/metrics"), "powernode_api_requests_total")
	k.fails(as("get", "secrets"), `secrets is forbidden: User "ann" cannot list resource "secrets" in API group "" in the namespace "default"`)
	k.fails(as("get", "widgets", "-A"), `at the cluster scope`)
	k.fails(as("create", "configmap", "c"), `configmaps is forbidden: User "ann" cannot create resource "configmaps"`)
	k.fails(as("create", "clusterrolebinding", "mine", "--clusterrole=cluster-admin", "--user=ann"), `cannot create resource "clusterrolebindings"`)
	k.run(words("--as=ben --as-group=team get widgets"), "No resources found")
	k.run(words("--as=system:serviceaccount:default:bot get widgets"), "No resources found")
	k.fails(words("--as=ben get widgets"), "forbidden")
	k.run(words("--as=ben --as-uid=7 auth whoami"), "ben")

	k.reconciles(words)
}

// reconciles: auth reconcile adds what is missing, and makes a binding anew whose role is another one.
func (k *kubectl) reconciles(words func(string) []string) {
	file := k.file("rbac.yaml", `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{verbs: [delete], apiGroups: [test.powernode.io], resources: [widgets]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ann-reads, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lister}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}]
`)
	k.run([]string{"auth", "reconcile", "-f", file}, "role.rbac.authorization.k8s.io/reader reconciled", "missing rules added",
		"rolebinding.rbac.authorization.k8s.io/ann-reads reconciled", "reconciliation required recreate")
	k.run(words("get role reader -o yaml"), "- delete", "- list")
	k.run(words("get rolebinding ann-reads -o yaml"), "name: lister")
	k.fails(words("patch rolebinding ann-reads --type=merge -p {\"roleRef\":{\"name\":\"other\"}}"), "cannot change roleRef")

	labelled := k.file("part.yaml", `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: part, labels: {into: sum}}
rules: [{verbs: [watch], apiGroups: [test.powernode.io], resources: [widgets]}]
`)
	k.run([]string{"apply", "-f", labelled}, "created")
	eventually(k, "the sum", func() bool {
		out, _ := k.try("get", "clusterrole", "sum", "-o", "yaml")
		return strings.Contains(out, "- widgets")
	})
	k.run([]string{"delete", "-f", labelled}, "deleted")
	eventually(k, "the empty sum", func() bool {
		out, _ := k.try("get", "clusterrole", "sum", "-o", "yaml")
		return !strings.Contains(out, "- widgets")
	})
}
