package server_test

import (
	"slices"
)

// What follows up to mayCell is the statement of who may do what, made without a look at rules and roles:
// how far each caller has come in each namespace, and how far one has to be for each sort of resource.

// level is how far a caller has come in a namespace ("" for what is in none, and for all at once).
type level int

const (
	stranger level = iota
	viewer
	editor
	administrator
	ruler
)

func levelOf(caller, namespace string) level {
	switch caller {
	case "masters", "cluster-admin":
		return ruler
	}
	at := map[string]level{"view": viewer, "edit": editor, "admin": administrator}[caller]
	if namespace == "team" {
		return at
	}
	if namespace == "other" && caller == "elsewhere" {
		return administrator
	}
	return stranger
}

// needs is the level from which on a sort of resource may be read, and written.
var needs = map[string][2]level{
	"work":      {viewer, editor},
	"result":    {viewer, ruler}, // what controllers write
	"secret":    {editor, editor},
	"host":      {viewer, ruler},
	"lease":     {editor, editor},
	"rights":    {administrator, administrator},
	"issue":     {ruler, editor},        // by create alone
	"ask here":  {ruler, administrator}, // by create alone
	"ask self":  {ruler, stranger},      // by create alone
	"cluster":   {ruler, ruler},
	"namespace": {viewer, ruler},
}

// resource is a row of the table. Its sort says who may.
type resource struct {
	group, name, sort string
	namespaced        bool
}

var matrixResources = []resource{
	{"test.powernode.io", "widgets", "work", true},
	{"test.powernode.io", "widgets/status", "result", true},
	{"test.powernode.io", "widgets/history", "result", true},
	{"test.powernode.io", "widgets/log", "result", true},
	{"test.powernode.io", "widgets/scale", "cluster", true}, // its roles do not name it
	{"powernode.io", "pipelines", "work", true},
	{"powernode.io", "pipelines/status", "result", true},
	{"powernode.io", "pipelines/history", "result", true},
	{"powernode.io", "pipelineruns", "work", true},
	{"powernode.io", "pipelineruns/status", "result", true},
	{"powernode.io", "pipelineruns/history", "result", true},
	{"powernode.io", "pipelineruns/log", "result", true},
	{"powernode.io", "pipelineruns/artifacts", "result", true},
	{"powernode.io", "containerinstances", "work", true},
	{"powernode.io", "containerinstances/status", "result", true},
	{"powernode.io", "containerinstances/history", "result", true},
	{"powernode.io", "containerinstances/log", "result", true},
	{"powernode.io", "dockerhosts", "host", true},
	{"powernode.io", "dockerhosts/status", "result", true},
	{"powernode.io", "dockerhosts/history", "result", true},
	{"powernode.io", "tokens", "cluster", false},
	{"", "configmaps", "work", true},
	{"", "events", "work", true},
	{"events.k8s.io", "events", "work", true},
	{"", "serviceaccounts", "work", true},
	{"", "serviceaccounts/token", "issue", true},
	{"", "secrets", "secret", true},
	{"coordination.k8s.io", "leases", "lease", true},
	{"", "namespaces", "namespace", false},
	{"", "namespaces/status", "namespace", false},
	{"", "namespaces/finalize", "cluster", false},
	{"rbac.authorization.k8s.io", "roles", "rights", true},
	{"rbac.authorization.k8s.io", "rolebindings", "rights", true},
	{"rbac.authorization.k8s.io", "clusterroles", "cluster", false},
	{"rbac.authorization.k8s.io", "clusterrolebindings", "cluster", false},
	{"apiextensions.k8s.io", "customresourcedefinitions", "cluster", false},
	{"apiextensions.k8s.io", "customresourcedefinitions/status", "cluster", false},
	{"authorization.k8s.io", "selfsubjectaccessreviews", "ask self", false},
	{"authorization.k8s.io", "selfsubjectrulesreviews", "ask self", false},
	{"authentication.k8s.io", "selfsubjectreviews", "ask self", false},
	{"authorization.k8s.io", "subjectaccessreviews", "cluster", false},
	{"authentication.k8s.io", "tokenreviews", "cluster", false},
	{"authorization.k8s.io", "localsubjectaccessreviews", "ask here", true},
	{"nobody.example.org", "gadgets", "cluster", true}, // not served: who may not is not told
}

var matrixPaths = map[string]func(caller string) bool{
	"/version": nil, "/healthz": nil, "/livez": nil, "/readyz": nil, // open: even without a token
	"/api": anybody, "/api/v1": anybody, "/apis": anybody, "/apis/test.powernode.io/v1": anybody, "/apis/test.powernode.io": anybody,
	"/openapi/v3": anybody, "/openapi/v3/api/v1": anybody, "/openapi/v2": anybody,
	"/metrics": rulers, "/audit/v1/records": rulers, "/nowhere": rulers, "/": rulers, "/runner": rulers,
	"/runner/v1/tasks/x/blobs/y": func(caller string) bool { return rulers(caller) || caller == "runners" },
}

func anybody(string) bool       { return true }
func rulers(caller string) bool { return levelOf(caller, "") == ruler }

// mayCell is the statement for one cell.
func mayCell(caller string, r resource, verb, namespace, name string) bool {
	if caller == "named" && r.sort != "ask self" { // may do everything to what is called one, of two resources
		return namespace == "team" && (r.name == "widgets" || r.name == "secrets") && name == "one"
	}
	if r.sort == "namespace" && name == "team" {
		namespace = "team" // a namespace is in itself
	}
	read := slices.Contains([]string{"get", "list", "watch"}, verb)
	need := needs[r.sort]
	if read || verb != "create" && slices.Contains([]string{"issue", "ask here", "ask self"}, r.sort) {
		return levelOf(caller, namespace) >= need[0]
	}
	return levelOf(caller, namespace) >= need[1]
}
