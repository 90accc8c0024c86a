package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cell is one request of the table and whether it may be made.
type cell struct {
	caller, verb, what string
	method, path       string
	header             []string
	may                bool
	body               string // "{}" where it needs one and has none
	question           string // the same for a SubjectAccessReview
}

func (c cell) String() string {
	return c.caller + ": " + c.verb + " " + c.what + " (" + c.method + " " + c.path + ")"
}

// cellsOf are all requests of a caller.
func cellsOf(caller string) (cells []cell) {
	for _, r := range matrixResources {
		for _, ns := range []string{"", "team", "other"} {
			if !r.namespaced && ns != "" {
				continue
			}
			cells = append(cells, cellsIn(caller, r, ns)...)
		}
	}
	return cells
}

// cellsIn are the requests on a resource in a namespace: none of them changes anything where it is let through.
func cellsIn(caller string, r resource, ns string) (cells []cell) {
	plural, sub, below := strings.Cut(r.name, "/")
	base := "/apis/" + r.group + "/v1/"
	if r.group == "" {
		base = "/api/v1/"
	}
	if ns != "" {
		base += "namespaces/" + ns + "/"
	}
	base += plural
	add := func(verb, method, path, name string, header ...string) {
		cells = append(cells, cell{caller, verb, fmt.Sprintf("%s %q in %q", r.name, name, ns), method, path, header, mayCell(caller, r, verb, ns, name), "", fmt.Sprintf(
			`{"spec":{"user":%q,"groups":[%q,"system:authenticated"],"resourceAttributes":{"verb":%q,"group":%q,"resource":%q,"subresource":%q,"namespace":%q,"name":%q}}}`,
			caller, strings.Join(groupsOf(caller), ""), verb, r.group, plural, sub, ns, name)})
	}
	patch := []string{"Content-Type", "application/merge-patch+json"}
	if !r.namespaced || ns != "" {
		for _, name := range []string{"one", "team"} {
			at := base + "/" + name
			if below {
				at += "/" + sub
			}
			add("get", "GET", at, name)
			add("update", "PUT", at, name)
			add("patch", "PATCH", at, name, patch...)
			if below {
				add("create", "POST", at, name)
				continue
			}
			if name == "one" {
				add("delete", "DELETE", at, name)
			}
		}
	}
	if below {
		return cells
	}
	add("list", "GET", base, "")
	add("list", "GET", base+"?fieldSelector=metadata.name%3Done", "one")
	add("list", "GET", base+"?fieldSelector=metadata.name%3Done,metadata.name%21%3Dtwo", "one")
	add("list", "GET", base+"?fieldSelector=metadata.name%21%3Done", "")
	add("watch", "GET", base+"?watch=1", "")
	add("watch", "GET", base+"?watch=true&fieldSelector=metadata.name%3Done", "one")
	add("watch", "GET", base, "", "Accept", "text/event-stream")
	add("watch", "GET", base+"?watch=1", "", "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	add("create", "POST", base, "")
	add("deletecollection", "DELETE", base+"?labelSelector=none%3Dnone", "")
	return cells
}

// TestEveryCellOfTheTable sends every request of every caller, and again as somebody who acts as that caller.
func TestEveryCellOfTheTable(t *testing.T) {
	h := startMatrix(t)
	send := h.sender()
	var all []cell
	for _, caller := range callers {
		all = append(all, cellsOf(caller)...)
	}
	yes, mu := 0, sync.Mutex{}
	var running sync.WaitGroup
	queue := make(chan cell)
	for range 4 {
		running.Go(func() {
			for c := range queue {
				check(t, c, send(c, false))
				if c.caller != "expired" && c.caller != "absent" {
					check(t, c, send(c, true))
					checkReview(t, c, send(cell{caller: "masters", method: "POST", path: reviews + "subjectaccessreviews", body: c.question}, false))
				}
				if c.may {
					mu.Lock()
					yes++
					mu.Unlock()
				}
			}
		})
	}
	for _, c := range all {
		queue <- c
	}
	close(queue)
	running.Wait()
	t.Logf("%d cells, %d of them allowed", len(all), yes)
}

func TestEveryPathOfTheTable(t *testing.T) {
	h := startMatrix(t)
	send := h.sender()
	for path, may := range matrixPaths {
		for _, caller := range callers {
			known := caller != "expired" && caller != "absent"
			got := send(cell{caller: caller, method: "GET", path: path}, false)
			switch {
			case may == nil && got.code != 200:
				t.Errorf("%s by %s: %s, and it is open", path, caller, got)
			case may != nil && !known && got.code != 401:
				t.Errorf("%s by %s: %s", path, caller, got)
			case may != nil && known && may(caller) == (got.code == 403):
				t.Errorf("%s by %s: %s", path, caller, got)
			case got.code == 403 && !strings.Contains(got.body, fmt.Sprintf(`forbidden: User \"%s\" cannot get path \"%s\"`, caller, path)):
				t.Errorf("%s by %s: %s", path, caller, got)
			}
		}
	}
}

// check compares an answer with what it has to be.
func check(t *testing.T, c cell, got answer) {
	t.Helper()
	denied := fmt.Sprintf(`User \"%s\" cannot %s resource`, c.caller, c.verb)
	switch {
	case c.caller == "expired" || c.caller == "absent":
		if got.code != 401 {
			t.Errorf("%s: %s, want 401", c, got)
		}
	case c.may && (got.code == 401 || strings.Contains(got.body, `\" cannot `)):
		t.Errorf("%s: %s, and it is allowed", c, got)
	case c.may && slices.Contains(c.header, "websocket") && got.code == 200:
		t.Errorf("%s: %s, and it asked for frames", c, got)
	case !c.may && (got.code != 403 || !strings.Contains(got.body, denied)):
		t.Errorf("%s: %s, and it is not allowed", c, got)
	}
}

// checkReview compares what a SubjectAccessReview says: the same, but no for what is not served, and a
// question of a namespace has to say itself that it is in that.
func checkReview(t *testing.T, c cell, got answer) {
	t.Helper()
	if strings.HasPrefix(c.what, "namespaces") {
		return
	}
	served := !strings.HasPrefix(c.what, "gadgets") && !strings.HasPrefix(c.what, "widgets/scale")
	if got.code != 201 || strings.Contains(got.body, `"allowed":true`) != (c.may && served) {
		t.Errorf("%s: the review says %s", c, got)
	}
}

// sender sends the request of a cell over connections that are kept, and reads no more of a stream than that it has begun.
func (h *harness) sender() func(c cell, impersonated bool) answer {
	pool := x509.NewCertPool()
	pool.AddCert(h.ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 8}}
	h.Cleanup(client.CloseIdleConnections)
	return func(c cell, impersonated bool) answer {
		if c.body == "" && c.method != "GET" && c.method != "DELETE" {
			c.body = "{}"
		}
		r := h.request(c.method, c.path, c.body, append([]string{"Content-Type", "application/json"}, c.header...)...)
		switch {
		case c.caller == "absent":
			r.Header.Del("Authorization")
		case impersonated:
			r.Header.Set("Impersonate-User", c.caller)
			r.Header["Impersonate-Group"] = groupsOf(c.caller)
		default:
			r.Header.Set("Authorization", "Bearer "+c.caller)
		}
		res, err := client.Do(r)
		if err != nil {
			h.Errorf("%s: %v", c, err)
			return answer{}
		}
		defer res.Body.Close()
		if begun := res.StatusCode == 200 || res.StatusCode == 101; begun && c.verb == "watch" {
			return answer{code: res.StatusCode}
		}
		raw, _ := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.Header, string(raw)}
	}
}
