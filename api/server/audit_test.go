package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// audited is a server whose calls are recorded.
type audited struct {
	*harness
	log  store.Audit
	last int64
}

func startAudited(t testing.TB, change ...func(*server.Config)) *audited {
	t.Helper()
	a := &audited{}
	a.harness = start(t, append([]func(*server.Config){func(cfg *server.Config) {
		a.log = cfg.Store.(*memory.Store).Audit()
		cfg.Audit = a.log
	}}, change...)...)
	a.fresh()
	return a
}

// fresh are the records since the call before, oldest first.
func (a *audited) fresh() []audit.Entry {
	a.Helper()
	entries, err := a.log.Records(a.Context(), audit.Query{After: a.last, Oldest: true})
	if err != nil {
		a.Fatal(err)
	}
	if len(entries) > 0 {
		a.last = entries[len(entries)-1].ID
	}
	return entries
}

// one is the only record since the call before.
func (a *audited) one() audit.Entry {
	a.Helper()
	entries := a.fresh()
	if len(entries) != 1 {
		a.Fatalf("%d records: %s", len(entries), documents(entries))
	}
	return entries[0]
}

func documents(entries []audit.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, string(e.Document))
	}
	return strings.Join(all, "\n")
}

const asApply, asMerge = "application/apply-patch+yaml", "application/merge-patch+json"

func TestEveryCallThatChangesSomethingHasOneRecord(t *testing.T) {
	a := startAudited(t)
	for _, c := range []struct {
		name, method, path, body, media string
		verb, sub                       string
		code                            int
		old, new                        string // what the documents hold; "" is none
		message                         string
	}{
		{"create", "POST", widgets, widgetBody("w", 1), "application/json", "create", "", 201, "", `"size":1`, ""},
		{"merge patch", "PATCH", widgets + "/w", `{"spec":{"size":2}}`, asMerge, "patch", "", 200, `"size":1`, `"size":2`, ""},
		{"JSON patch", "PATCH", widgets + "/w", `[{"op":"replace","path":"/spec/size","value":3}]`,
			"application/json-patch+json", "patch", "", 200, `"size":2`, `"size":3`, ""},
		{"apply", "PATCH", widgets + "/w?fieldManager=me&force=true", widgetBody("w", 4), asApply, "patch", "", 200, `"size":3`, `"size":4`, ""},
		{"apply that creates", "PATCH", widgets + "/x?fieldManager=me", widgetBody("x", 4), asApply, "patch", "", 201, "", `"size":4`, ""},
		{"no-op", "PATCH", widgets + "/w", `{"spec":{"size":4}}`, asMerge, "patch", "", 200, "", "", "nothing changed"},
		{"dry run", "PATCH", widgets + "/w?dryRun=All", `{"spec":{"size":5}}`, asMerge, "patch", "", 200, "", "", "dry run: nothing was stored"},
		{"status", "PATCH", widgets + "/w/status", `{"status":{"phase":"Big"}}`, asMerge, "patch", "status", 200, `"size":4`, `"phase":"Big"`, ""},
		{"dry run of a delete", "DELETE", widgets + "/w", `{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}`,
			"application/json", "delete", "", 200, "", "", "dry run: nothing was stored"},
		{"delete", "DELETE", widgets + "/w", "", "", "delete", "", 200, `"size":4`, "", ""},
	} {
		a.want(a.do(c.method, c.path, c.body, "Content-Type", c.media, "X-Request-Id", "r-1", "User-Agent", "tester/1"), c.code)
		r := a.one()
		if r.User != "admin" || r.Verb != c.verb || r.Subresource != c.sub || r.Code != c.code || r.Group != "test.powernode.io" || r.Version != "v1" ||
			r.Resource != "widgets" || r.Namespace != "default" || r.Name == "" || !strings.Contains(c.path+c.body, r.Name) || r.RequestID != "r-1" ||
			r.UserAgent != "tester/1" || r.SourceIP != "127.0.0.1" || r.At.IsZero() || r.Message != c.message || r.Reason != "" {
			t.Errorf("%s: %s", c.name, r.Document)
		}
		hold(t, c.name+": old", r.Old, c.old)
		hold(t, c.name+": new", r.New, c.new)
		if c.old+c.new != "" && r.UID == "" {
			t.Errorf("%s: no uid", c.name)
		}
	}
	if _, err := audit.Verify(t.Context(), a.log); err != nil {
		t.Error(err)
	}
}

// hold checks a document of a record: that there is none when want is empty.
func hold(t *testing.T, what string, doc json.RawMessage, want string) {
	t.Helper()
	if (want == "") != (doc == nil) || !strings.Contains(string(doc), want) || strings.Contains(string(doc), "managedFields") {
		t.Errorf("%s is %s, want %s", what, doc, want)
	}
}

func TestUpdateIsRecorded(t *testing.T) {
	a := startAudited(t)
	obj := a.widget("w", 1)
	a.fresh()
	a.want(a.put(widgets+"/w", strings.Replace(widgetBody("w", 2), `"name":"w"`, `"name":"w","resourceVersion":"`+obj.ResourceVersion+`"`, 1)), 200)
	if r := a.one(); r.Verb != "update" || r.Code != 200 || !strings.Contains(string(r.New), `"size":2`) {
		t.Errorf("%s", r.Document)
	}
}

func TestDeletingACollectionRecordsEveryObjectAndTheCall(t *testing.T) {
	a := startAudited(t)
	a.widget("a", 1)
	a.widget("b", 1)
	a.fresh()
	a.want(a.do("DELETE", widgets, ""), 200)
	entries := a.fresh()
	if len(entries) != 3 || entries[2].Message != "2 objects" || entries[2].Name != "" || entries[0].Old == nil {
		t.Fatal(documents(entries))
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name] = true
		if e.Verb != "deletecollection" || e.Code != 200 {
			t.Errorf("%s", e.Document)
		}
	}
	if !names["a"] || !names["b"] {
		t.Errorf("names %v", names)
	}
}

func TestEveryRefusalHasOneRecord(t *testing.T) {
	a := startAudited(t)
	a.widget("w", 1)
	a.fresh()
	guest, json := "Bearer "+guestToken, "application/json"
	admin := "Bearer " + adminToken
	for _, c := range []struct {
		token, method, path, body, media string
		code                             int
		reason                           string
		verb, user, name                 string
		message                          string
	}{
		{"Bearer none", "POST", widgets, widgetBody("n", 1), json, 401, "Unauthorized", "create", "", "", "Unauthorized"},
		{"", "GET", widgets, "", "", 401, "Unauthorized", "list", "", "", "Unauthorized"},
		{guest, "POST", widgets, widgetBody("n", 1), json, 403, "Forbidden", "create", "guest", "", `User "guest" cannot create resource "widgets"`},
		{guest, "GET", widgets + "/w", "", "", 403, "Forbidden", "get", "guest", "w", `cannot get`},
		{guest, "POST", "/runner/v1/lease", "{}", json, 403, "Forbidden", "post", "guest", "", "cannot post path"},
		{admin, "DELETE", widgets + "/none", "", "", 404, "NotFound", "delete", "admin", "none", "not found"},
		{admin, "POST", "/apis/none.io/v1/things", "{}", json, 404, "NotFound", "create", "admin", "", ""},
		{admin, "PUT", widgets, "{}", json, 405, "MethodNotAllowed", "update", "admin", "", ""},
		{admin, "DELETE", "/api/v1/namespaces", "", "", 405, "MethodNotAllowed", "deletecollection", "admin", "", ""},
		{admin, "POST", widgets, widgetBody("w", 1), json, 409, "AlreadyExists", "create", "admin", "w", "already exists"},
		{admin, "PATCH", widgets + "/w", `{"metadata":{"resourceVersion":"1"}}`, asMerge, 409, "Conflict", "patch", "admin", "w", "has been modified"},
		{admin, "POST", widgets, strings.Repeat(" ", 4<<20), json, 413, "RequestEntityTooLarge", "create", "admin", "", "too large"},
		{admin, "POST", widgets, "x", "text/plain", 415, "UnsupportedMediaType", "create", "admin", "", ""},
		{admin, "POST", widgets, widgetBody("n", 1000), json, 422, "Invalid", "create", "admin", "n", "spec.size"},
		{admin, "POST", widgets, "{", json, 400, "BadRequest", "create", "admin", "", ""},
	} {
		a.want(a.do(c.method, c.path, c.body, "Authorization", c.token, "Content-Type", c.media), c.code)
		r := a.one()
		if r.Code != c.code || r.Reason != c.reason || r.Verb != c.verb || r.User != c.user || r.Name != c.name ||
			!strings.Contains(r.Message, c.message) || r.Old != nil || r.New != nil || (r.Resource == "") != (r.Path != "") {
			t.Errorf("%s %s: %s", c.method, c.path, r.Document)
		}
	}
}

func TestReadsAndReviewsHaveNoRecord(t *testing.T) {
	a := startAudited(t)
	a.want(a.get(widgets), 200)
	a.want(a.get(widgets+"/none"), 404)
	a.want(a.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}`), 201)
	a.want(a.get("/healthz"), 200)
	if entries := a.fresh(); len(entries) > 0 {
		t.Error(documents(entries))
	}
}

func TestRefusalsOfStrangersAreBoundedAndCounted(t *testing.T) {
	a := startAudited(t)
	for range 300 {
		a.want(a.get(widgets, "Authorization", "Bearer guess"), 401)
	}
	if kept := len(a.fresh()); kept < 100 || kept >= 300 {
		t.Fatalf("%d of 300 are kept", kept)
	}
	eventually(t, "a record that counts those without one", func() bool {
		a.want(a.get(widgets, "Authorization", "Bearer guess"), 401)
		return strings.Contains(documents(a.fresh()), "more were refused like this and not recorded")
	})
	a.widget("w", 1) // what changes something is not bounded
	if r := a.one(); r.Code != 201 {
		t.Errorf("%s", r.Document)
	}
}

func TestOnlyTrustedProxiesSayWhereACallComesFrom(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		want    string
	}{
		"none": {nil, "127.0.0.1"},
		"one":  {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "10.0.0.7"},
		"two":  {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, "203.0.113.9"},
	} {
		a := startAudited(t, func(cfg *server.Config) { cfg.TrustedProxies = c.trusted })
		a.want(a.post(widgets, widgetBody("w", 1), "X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.0.0.7"), 201)
		if r := a.one(); r.SourceIP != c.want {
			t.Errorf("%s: %s, want %s", name, r.SourceIP, c.want)
		}
	}
}

func TestLargeDocumentsAreKeptAsTheirDigest(t *testing.T) {
	a := startAudited(t)
	big := strings.Repeat("x", 100_000)
	a.want(a.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"},"data":{"k":"`+big+`"}}`), 201)
	if r := a.one(); len(r.New) > 200 || !strings.Contains(string(r.New), `"sha256":"`) || !strings.Contains(string(r.New), `"bytes":100`) {
		t.Errorf("%d bytes: %.300s", len(r.New), r.New)
	}
}

// fullLog keeps no record.
type fullLog struct{ store.Audit }

func (fullLog) Append(context.Context, audit.Record) error {
	return fmt.Errorf("write: %w", api.ErrUnavailable)
}

func TestACallThatCanNotBeRecordedFails(t *testing.T) {
	a := startAudited(t, func(cfg *server.Config) { cfg.Audit = fullLog{cfg.Audit} })
	refused := a.want(a.post(widgets+"?dryRun=All", widgetBody("w", 1)), 503)
	if strings.Contains(refused.body, "size") || refused.status(t).Reason != metav1.StatusReasonServiceUnavailable {
		t.Errorf("answered %s", refused)
	}
	a.want(a.do("DELETE", widgets+"/none", ""), 404) // what is refused stays so
}

func TestTheLogIsReadByWhoMay(t *testing.T) {
	a := startAudited(t)
	a.widget("w", 1)
	a.want(a.do("DELETE", widgets+"/none", ""), 404)
	type list struct {
		Kind     string
		Metadata struct{ Continue string }
		Items    []audit.Entry
	}
	read := func(query string) (l list) {
		t.Helper()
		if err := json.Unmarshal([]byte(a.want(a.get("/audit/v1/records"+query), 200).body), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	all := read("")
	if all.Kind != "AuditRecordList" || len(all.Items) != 3 || all.Items[0].Name != "none" || all.Items[2].Resource != "namespaces" || all.Metadata.Continue != "" {
		t.Fatalf("%+v", all)
	}
	for query, names := range map[string]string{
		"?verb=delete": "none", "?code=404": "none", "?code=4xx": "none", "?code=2": "w default", "?resource=widgets": "none w",
		"?name=w": "w", "?user=nobody": "", "?user=admin&namespace=default": "none w", "?since=2100-01-01T00:00:00Z": "",
		"?until=2000-01-01T00:00:00Z": "", "?requestID=" + all.Items[1].RequestID: "w", "?oldest=true&limit=1": "default",
	} {
		var got []string
		for _, e := range read(query).Items {
			got = append(got, e.Name)
		}
		if strings.Join(got, " ") != names {
			t.Errorf("%s: %v, want %s", query, got, names)
		}
	}
	first := read("?limit=2")
	if second := read("?limit=2&continue=" + first.Metadata.Continue); len(first.Items) != 2 || len(second.Items) != 1 || second.Items[0].Name != "default" {
		t.Errorf("pages %+v, %+v", first, second)
	}
	for _, bad := range []string{"?code=9", "?code=6xx", "?since=now", "?limit=x", "?continue=y", "?oldest=perhaps", "?usr=admin"} {
		a.want(a.get("/audit/v1/records"+bad), 400)
	}
	var chain audit.Chain
	if err := json.Unmarshal([]byte(a.want(a.get("/audit/v1/links?after="+fmt.Sprint(all.Items[2].ID)), 200).body), &chain); err != nil || len(chain.Links) != 2 ||
		chain.Head.ID != all.Items[0].ID || chain.Links[1].Sums[0].Hash != audit.HashOf(all.Items[0].Document) {
		t.Errorf("links %+v, %v", chain, err)
	}
	a.want(a.get("/audit/v1/records", "Authorization", "Bearer "+guestToken), 403)
	a.want(a.get("/audit/v1/links", "Authorization", "Bearer "+guestToken), 403)
}

func TestARecordTellsWhoActedInWhoseName(t *testing.T) {
	a := startAudited(t)
	a.want(a.post(widgets, widgetBody("w", 1), "Impersonate-User", "ann", "Impersonate-Group", server.Masters), 201)
	if r := a.one(); r.User != "ann" || r.ImpersonatedBy != "admin" {
		t.Errorf("%s", r.Document)
	}
	a.want(a.post(widgets, widgetBody("v", 1), "Impersonate-User", "bob"), 403)
	if r := a.one(); r.User != "bob" || r.ImpersonatedBy != "admin" || r.Code != 403 {
		t.Errorf("%s", r.Document)
	}
	a.want(a.post(widgets, widgetBody("v", 1), "Authorization", "Bearer "+guestToken, "Impersonate-User", "ann"), 403)
	if r := a.one(); r.User != "guest" || r.ImpersonatedBy != "" || r.Name != "" || !strings.Contains(r.Message, "impersonate") {
		t.Errorf("%s", r.Document)
	}
}

func TestCredentialsThatAreMadeAreRecordedAndNotShown(t *testing.T) {
	a := startAudited(t)
	var made struct{ Status struct{ Token string } }
	decode := func(res answer) string {
		t.Helper()
		if err := json.Unmarshal([]byte(a.want(res, 201).body), &made); err != nil || len(made.Status.Token) < 20 {
			t.Fatalf("%s, %v", res, err)
		}
		return made.Status.Token
	}
	token := decode(a.post("/apis/powernode.io/v1/tokens", `{"metadata":{"name":"ci"},"spec":{"user":"ci"}}`))
	r := a.one()
	if r.Verb != "create" || r.Resource != "tokens" || r.Name != "ci" || r.Code != 201 || strings.Contains(string(r.Document), token) ||
		!strings.Contains(string(r.New), `"hash":"(redacted)"`) {
		t.Errorf("%s", r.Document)
	}
	a.want(a.post("/api/v1/namespaces/default/serviceaccounts", `{"metadata":{"name":"bot"}}`), 201)
	a.fresh()
	const path = "/api/v1/namespaces/default/serviceaccounts/bot/token"
	token = decode(a.post(path, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`))
	entries := a.fresh()
	r = entries[len(entries)-1]
	if r.Verb != "create" || r.Resource != "serviceaccounts" || r.Subresource != "token" || r.Name != "bot" || r.Code != 201 || r.New != nil {
		t.Errorf("%s", documents(entries))
	}
	if text := documents(entries); strings.Contains(text, token) || strings.Contains(text, "PRIVATE") || strings.Contains(text, `"d":`) {
		t.Errorf("%s", text)
	}
}

func TestWhatIsTurnedAwayForLoadIsNoLoadOnTheAudit(t *testing.T) {
	stuck := &stuckStore{letGo: make(chan struct{})}
	a := startAudited(t, func(c *server.Config) {
		stuck.Store, c.Store = c.Store, stuck
		c.Limits = server.Limits{Mutating: 1}
	})
	a.fresh()
	done := make(chan answer)
	go func() { done <- a.post(widgets, widgetBody("stuck", 1), counted...) }()
	eventually(t, "one is under way", func() bool { return stuck.waiting.Load() == 1 })
	const calls = 300
	for range calls {
		a.want(a.post(widgets, widgetBody("a", 1), counted...), 429)
	}
	if n := len(a.fresh()); n == 0 || n >= calls {
		t.Errorf("%d of %d have a record", n, calls)
	}
	close(stuck.letGo)
	a.want(<-done, 201)
}
