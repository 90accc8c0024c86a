package examples

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/schemas"
)

// crowd is how many objects of one kind are at rest in the idle test.
type crowd struct {
	resource    string // plural
	collection  string
	body        string // in which # stands for the object's number
	short, long int    // how many, in the tests and in the soak
}

// How many there are of a kind that means nothing outside.
const (
	few  = 20
	many = 1000
)

// idle is an object of a crowd.
func idle(rest string) string { return named("idle-#", rest) }

// crowds has every kind. There are fewer of what weighs on something else: a definition is a part of all that is
// published, a host listens to its engine, which tells it whatever happens there, and an instance is a process. The
// runs of one pipeline get their numbers one after the other, and each that waits says behind which: so many at once
// take long to come to rest.
func crowds(image string) []crowd {
	const (
		rbac  = "/apis/rbac.authorization.k8s.io/v1/"
		rules = `,"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"],"resourceNames":["c#"]}]`
		bound = `,"subjects":[{"kind":"User","name":"u#","apiGroup":"rbac.authorization.k8s.io"}],` +
			`"roleRef":{"kind":"ClusterRole","name":"view","apiGroup":"rbac.authorization.k8s.io"}`
		event = `,"involvedObject":{"kind":"ConfigMap","name":"idle-#","namespace":"default"},"reason":"Idle","type":"Normal"`
		dated = `,"spec":{"triggers":{"schedule":[{"cron":"0 0 29 2 *","timezone":"UTC"}]},"steps":[{"name":"only","type":"custom","with":{"run":"echo #"}}]}`
	)
	host := `,"spec":{"endpoint":"unix:///var/run/docker.sock","autoSync":false,"syncIntervalSeconds":30}`
	instance := `,"spec":{"hostRef":{"name":"local"},"image":"` + image + `","args":["serve",":8080"],"pullPolicy":"Never","run":"Service"}`
	return []crowd{
		{"configmaps", configMaps, idle(`,"data":{"n":"#"}`), few, many},
		{"secrets", secrets, idle(`,"stringData":{"n":"#"}`), few, many},
		{"events", inDefault + "events", idle(event), few, many},
		{"serviceaccounts", inDefault + "serviceaccounts", idle(``), few, many},
		{"namespaces", "/api/v1/namespaces", idle(``), few, many},
		{"leases", "/apis/coordination.k8s.io/v1/namespaces/default/leases", idle(`,"spec":{"holderIdentity":"h#"}`), few, many},
		{"roles", rbac + "namespaces/default/roles", idle(rules), few, many},
		{"clusterroles", rbac + "clusterroles", idle(rules), few, many},
		{"rolebindings", rbac + "namespaces/default/rolebindings", idle(bound), few, many},
		{"clusterrolebindings", rbac + "clusterrolebindings", idle(bound), few, many},
		{"tokens", "/apis/powernode.io/v1/tokens", idle(`,"spec":{"user":"u#","ttlSeconds":86400}`), few, many},
		{"pipelines", pipelines, idle(dated), few, many},
		{"pipelineruns", runs, idle(`,"spec":{"pipelineRef":{"name":"skipping"}}`), few, 50},
		{"customresourcedefinitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", idleDefinition, 2, 40},
		{"dockerhosts", ours + "dockerhosts", idle(host), 1, 40},
		{"containerinstances", instances, idle(instance), 1, 20},
	}
}

const idleDefinition = `{"metadata":{"name":"things#.idle.example.com"},"spec":{"group":"idle.example.com","scope":"Namespaced",
	"names":{"plural":"things#","singular":"thing#","kind":"Thing#","listKind":"Thing#List"},
	"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`

// gather makes all crowds.
func (s *server) gather(image string) (instances int) {
	s.t.Helper()
	base, token := strings.Replace(s.url(), "https:", "http:", 1), s.token()
	var group errgroup.Group
	group.SetLimit(8)
	for _, c := range crowds(image) {
		n := c.short
		if soaking() {
			n = c.long
		}
		if c.resource == "containerinstances" {
			instances = n
		}
		for i := range n {
			body := strings.ReplaceAll(c.body, "#", strconv.Itoa(i))
			group.Go(func() error { return post(base+c.collection, token, body) })
		}
	}
	if err := group.Wait(); err != nil {
		s.t.Fatal(err)
	}
	return instances
}

func post(url, token, body string) error {
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("create %s: %s\n%s", url, resp.Status, body)
	}
	return nil
}

// cpu is the time that the server's process has computed, in seconds.
func (s *server) cpu() float64 {
	s.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	var ticks float64
	for _, field := range strings.Fields(rest)[11:13] { // utime and stime
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100 // USER_HZ
}

// No kind is left out.
func TestEveryKindIsInTheIdleTest(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, c := range crowds("") {
		there[c.resource] = true
	}
	for _, k := range kinds {
		if !there[k.Plural] {
			t.Errorf("%s are not in crowds", k.Plural)
		}
	}
}
