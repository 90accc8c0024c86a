package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const monitoring = "monitoring"

// promtool runs Prometheus' own checker.
func promtool(t *testing.T, input []byte, args ...string) (string, error) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs promtool")
	}
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("there is no promtool: .ci/setup")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdin = monitoring, bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "tests.yaml"}, {"check", "config", "--syntax-only", "prometheus.yaml"}} {
		if out, err := promtool(t, nil, args...); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// rule is an alert as Prometheus reads it.
type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// Each alert says how bad it is and what to do, and tests.yaml has it fire.
func TestEveryAlertHasARunbookAndATest(t *testing.T) {
	tests, err := os.ReadFile(filepath.Join(monitoring, "tests.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rules := readRules(t)
	if len(rules) < 15 {
		t.Fatalf("there are %d alerts", len(rules))
	}
	for _, r := range rules {
		if r.Labels["severity"] != "critical" && r.Labels["severity"] != "warning" {
			t.Errorf("%s: its severity is %q", r.Alert, r.Labels["severity"])
		}
		if len(r.Annotations["runbook"]) < 60 || r.Annotations["summary"] == "" {
			t.Errorf("%s has no runbook or summary", r.Alert)
		}
		if !bytes.Contains(tests, []byte(`alertname="`+r.Alert+`"`)) && !bytes.Contains(tests, []byte("alertname: "+r.Alert)) {
			t.Errorf("tests.yaml has no test that %s fires", r.Alert)
		}
	}
}

// dashboardQueries are the expressions of all panels.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

var (
	metricName  = regexp.MustCompile(`\b(?:powernode|process|go)_[a-z0-9_]+`)
	matchers    = regexp.MustCompile(`((?:powernode|process|go)_[a-z0-9_]+)\{([^}]*)\}`)
	matcherName = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	byLabels    = regexp.MustCompile(`by \(([^)]*)\)`)
)

// Every metric that the dashboard and the alerts speak of is there on a server that works, with the labels that
// they speak of, and Prometheus finds nothing to criticize.
func TestTheDashboardAndTheAlertsSpeakOfWhatThereIs(t *testing.T) {
	beside := freeAddress(t)
	s := startServer(t, "--roles", "api,controllers", "--metrics-listen", beside)
	s.apply(configMap("a", "b"))
	s.request("GET", "/api/v1/configmaps?watch=1&timeoutSeconds=1", s.token(), nil)
	var scrape []byte
	labels := map[string]map[string]bool{}
	eventually(t, "all metrics are there", func() error {
		scrape = s.scrape()
		labels = labelsOf(scrape)
		if !bytes.Contains(scrape, []byte("powernode_member_slots 1024")) || len(labels["powernode_reconcile_total"]) == 0 || len(labels["powernode_api_watches"]) == 0 {
			return fmt.Errorf("there are only %d metrics", len(labels))
		}
		return nil
	})
	for path, want := range map[string]string{"/metrics": "powernode_member_slots 1024", "/readyz": "ok", "/api/v1/configmaps": "404"} {
		if text := fetched(t, "http://"+beside+path); !strings.Contains(text, want) {
			t.Errorf("%s beside the API says %.200s", path, text)
		}
	}
	if out, err := promtool(t, scrape, "check", "metrics"); err != nil || out != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	expressions := dashboardQueries(t)
	for _, r := range readRules(t) {
		expressions = append(expressions, r.Expr)
	}
	if len(expressions) < 50 {
		t.Fatalf("there are %d expressions", len(expressions))
	}
	for _, e := range expressions {
		checkExpression(t, e, labels)
	}
	for name := range labels {
		if strings.HasPrefix(name, "powernode_") && !slices.ContainsFunc(expressions, func(e string) bool { return strings.Contains(e, strings.TrimSuffix(name, "_total")) }) &&
			!strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && name != "powernode_build_info" {
			t.Errorf("neither the dashboard nor an alert shows %s", name)
		}
	}
}

// checkExpression holds that metrics and labels are there; job and instance come from Prometheus.
func checkExpression(t *testing.T, e string, there map[string]map[string]bool) {
	t.Helper()
	known := map[string]bool{"job": true, "instance": true}
	for _, name := range metricName.FindAllString(e, -1) {
		if there[name] == nil {
			t.Errorf("no server has %s, of which speaks %s", name, e)
		}
		for label := range there[name] {
			known[label] = true
		}
	}
	for _, m := range matchers.FindAllStringSubmatch(e, -1) {
		for _, label := range matcherName.FindAllStringSubmatch(m[2], -1) {
			if l := label[1]; l != "job" && l != "instance" && !there[m[1]][l] {
				t.Errorf("%s has no label %s, of which speaks %s", m[1], l, e)
			}
		}
	}
	for _, list := range byLabels.FindAllStringSubmatch(e, -1) {
		for label := range strings.SplitSeq(list[1], ",") {
			if l := strings.TrimSpace(label); !known[l] {
				t.Errorf("nothing has the label %s, of which speaks %s", l, e)
			}
		}
	}
}

// fetched is what a server says to anybody.
func fetched(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// scrape reads the metrics as Prometheus does, with a token that is good for nothing else.
func (s *server) scrape() []byte {
	s.t.Helper()
	token := s.printed("token", "create", "--for-user", "prometheus", "--group", "system:monitoring", "--ttl", "1h")
	res := s.request("GET", "/metrics", token, nil)
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("GET /metrics: %s, %v", res.Status, err)
	}
	return text
}

// labelsOf are the labels of all series by their name.
func labelsOf(scrape []byte) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for line := range strings.Lines(string(scrape)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "{")
		name, _, _ = strings.Cut(name, " ")
		if all[name] == nil {
			all[name] = map[string]bool{}
		}
		for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(rest, -1) {
			all[name][label[1]] = true
		}
	}
	return all
}
