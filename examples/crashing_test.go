package examples

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// crashing is a server that dies where it is told to, on a PostgreSQL that outlives it.
type crashing struct {
	*server
	points string // the file that says where; see package failpoint
	base   string
	bearer string
	image  string
	told   bool // to end
	// failing says that it is made to answer with errors.
	failing bool
	psql    func(query string) (string, error)
}

func startCrashing(t *testing.T) *crashing {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL and Docker")
	}
	database := &cluster{t: t}
	database.startDatabase()
	c := &crashing{psql: database.psql, image: image(t)}
	address := freeAddress(t)
	dir := reachable(t)
	c.points = filepath.Join(dir, "failpoints")
	c.server = &server{t: t, dir: dir, tag: "failpoints", env: []string{"POWERNODE_FAILPOINTS=" + c.points},
		flags: []string{"--database-url", database.database.DSN(), "--listen", address}}
	c.base = "http://" + address
	c.ends()
	c.launch()
	c.ready()
	return c
}

// ready waits until the server answers.
func (c *crashing) ready() {
	c.t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-c.done:
			c.done <- err
			c.t.Fatalf("pnserver ended: %v\n%s", err, c.said(40))
		default:
		}
		if c.bearer == "" {
			if config, err := clientcmd.LoadFromFile(c.kubeconfig()); err == nil {
				c.bearer = config.AuthInfos["admin"].Token
			}
		}
		if code, _ := c.call("GET", "/readyz", ""); code == http.StatusOK && c.bearer != "" {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("pnserver is not ready\n%s", c.said(40))
		}
	}
}

// arm says what is to fail from now on; nothing without lines.
func (c *crashing) arm(lines ...string) {
	c.t.Helper()
	next := c.points + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.points); err != nil {
		c.t.Fatal(err)
	}
}

// died waits for the end of the process, which has to come at a place.
func (c *crashing) died(at string) {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(deadline):
		c.t.Fatalf("the server does not come to %s\n%s", at, c.said(30))
	}
	c.cmd, c.told = nil, false
	mark := c.points + "." + at + ".hit"
	if _, err := os.Stat(mark); err != nil {
		c.t.Fatalf("the server ended elsewhere than at %s: %v\n%s", at, err, c.said(40))
	}
	if err := os.Remove(mark); err != nil {
		c.t.Fatal(err)
	}
}

// call makes one request; code 0 is none.
func (c *crashing) call(method, path, body string) (code int, answer string) {
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.bearer)
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := io.Copy(&text, resp.Body); err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, text.String()
}

// want makes a request that has to be answered with one of some codes. A server that is made to fail may say
// so instead, once: then it is asked again.
func (c *crashing) want(method, path, body string, codes ...int) (code int, answer string) {
	c.t.Helper()
	code, answer = c.call(method, path, body)
	if c.failing && code >= http.StatusInternalServerError {
		code, answer = c.call(method, path, body)
	}
	for _, want := range codes {
		if code == want {
			return code, answer
		}
	}
	c.t.Fatalf("%s %s: %d %s\nwant one of %d", method, path, code, answer, codes)
	return 0, ""
}

// field reads a field of an object; "" when there is none, or no object.
func (c *crashing) field(path string, field ...string) string {
	code, answer := c.call("GET", path, "")
	if code != http.StatusOK {
		return ""
	}
	var value any
	if err := json.Unmarshal([]byte(answer), &value); err != nil {
		c.t.Fatal(err)
	}
	for _, name := range field {
		in, _ := value.(map[string]any)
		value = in[name]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// becomes waits until a field of an object has a value.
func (c *crashing) becomes(path, want string, field ...string) {
	c.t.Helper()
	eventually(c.t, path+" "+strings.Join(field, ".")+" is "+want, func() error {
		if got := c.field(path, field...); got != want {
			return errors.New("it is " + got)
		}
		return nil
	})
}

// gone waits until there is no such object.
func (c *crashing) gone(path string) {
	c.t.Helper()
	eventually(c.t, path+" is gone", func() error {
		if code, answer := c.call("GET", path, ""); code != http.StatusNotFound {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
}

// row reads one row of the database.
func (c *crashing) row(query string, args ...any) string {
	c.t.Helper()
	out, err := c.psql(fmt.Sprintf(query, args...))
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// ending waits for the end of a process that was told to end; false when it was not.
func (c *crashing) ending() bool {
	c.t.Helper()
	if !c.told {
		return false
	}
	select {
	case <-c.done:
	case <-time.After(deadline):
		c.t.Fatal("the server does not end")
	}
	c.cmd, c.told = nil, false
	return true
}
