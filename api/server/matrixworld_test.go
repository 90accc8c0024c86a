package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/clusterrole"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/schemas"
)

// callers are whose tokens there are. The last two have none that is good.
var callers = []string{"nobody", "view", "edit", "admin", "cluster-admin", "named", "elsewhere", "masters", "runners", "expired", "absent"}

func groupsOf(caller string) []string {
	return map[string][]string{"masters": {server.Masters}, "runners": {server.Runners}}[caller]
}

// startMatrix is a server with all our kinds and Widget, where each caller has his role.
func startMatrix(t *testing.T) *harness {
	h := start(t, func(c *server.Config) {
		kinds, err := schemas.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		c.Kinds = append(kinds, testKinds(t)[len(testKinds(t))-1])
		withLog(c)
		stub := c.Subresources[widgetKind]["log"]
		c.Subresources[v1.PipelineRun] = map[string]api.Subresource{"log": stub, "artifacts": stub}
		c.Subresources[v1.ContainerInstance] = map[string]api.Subresource{"log": stub}
		tokens := map[string]server.User{adminToken: {Name: "admin", Groups: []string{server.Masters}}}
		for _, caller := range callers[:len(callers)-2] {
			tokens[caller] = server.User{Name: caller, Groups: groupsOf(caller)}
		}
		c.Authenticate = server.Tokens(tokens)
	})
	h.aggregate()
	for _, ns := range []string{"team", "other"} {
		h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"`+ns+`"}}`), 201)
	}
	for into, rule := range map[string]string{
		"view": `{"verbs":["get","list","watch"],"apiGroups":["test.powernode.io"],"resources":["widgets","widgets/status","widgets/history","widgets/log"]}`,
		"edit": `{"verbs":["create","update","patch","delete","deletecollection"],"apiGroups":["test.powernode.io"],"resources":["widgets"]}`,
	} {
		h.want(h.post(clusterRoles, fmt.Sprintf(`{"metadata":{"name":"widgets-%s","labels":{"rbac.authorization.k8s.io/aggregate-to-%s":"true"}},"rules":[%s]}`, into, into, rule)), 201)
	}
	h.want(h.post(rbacPath+"namespaces/team/roles", `{"metadata":{"name":"named"},"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["widgets","secrets"],"resourceNames":["one"]}]}`), 201)
	give := func(path, kind, role, caller string) {
		h.want(h.post(path, fmt.Sprintf(`{"metadata":{"name":%q},"roleRef":{"kind":%q,"name":%q},"subjects":[{"kind":"User","name":%q}]}`, "is-"+caller, kind, role, caller)), 201)
	}
	for _, caller := range []string{"view", "edit", "admin"} {
		give(rbacPath+"namespaces/team/rolebindings", "ClusterRole", caller, caller)
	}
	give(rbacPath+"namespaces/team/rolebindings", "Role", "named", "named")
	give(rbacPath+"namespaces/other/rolebindings", "ClusterRole", "admin", "elsewhere")
	give(clusterRoleBindings, "ClusterRole", "cluster-admin", "cluster-admin")
	eventually(t, "the sum of the roles", func() bool { return strings.Contains(h.get(clusterRoles+"/admin").body, `"widgets"`) })
	return h
}

// aggregate runs the controller of cluster roles.
func (h *harness) aggregate() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	m := &reconcile.Manager{Store: h.store, Kinds: []reconcile.Kind{clusterrole.Kind()}}
	go func() { done <- m.Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		<-done
	})
}
