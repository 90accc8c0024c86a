package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/api/audit"
)

// An entry that went over the wire, in whatever layout, has the document that was hashed.
func TestADocumentSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := audit.Encode(audit.Record{
			At: time.Unix(0, rapid.Int64Range(0, 1<<60).Draw(t, "at")), User: rapid.String().Draw(t, "user"),
			Groups: rapid.SliceOf(rapid.String()).Draw(t, "groups"), Old: json.RawMessage(` {"a": "<&>"} `), New: json.RawMessage(`{"b":1.0}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		e.ID = rapid.Int64Range(1, 1<<60).Draw(t, "id")
		sent, err := json.Marshal(map[string]any{"items": []audit.Entry{e}})
		var laidOut bytes.Buffer
		if err != nil || json.Indent(&laidOut, sent, "", "  ") != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{sent, laidOut.Bytes()} {
			var got struct{ Items []audit.Entry }
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			back := got.Items[0]
			if back.ID != e.ID || audit.HashOf(back.Document) != audit.HashOf(e.Document) || back.User != e.User || !back.At.Equal(e.At) {
				t.Fatalf("sent %s\ngot  %s", e.Document, back.Document)
			}
		}
	})
}

// A field that this program does not know yet is part of the hash all the same.
func TestAFieldOfALaterVersionIsKept(t *testing.T) {
	document := `{"at":"2026-05-04T03:02:01Z","verb":"create","code":201,"later":{"x":1}}`
	e, err := audit.Decode(7, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := json.Marshal(e)
	var back audit.Entry
	if err != nil || json.Unmarshal(sent, &back) != nil || string(back.Document) != document || back.ID != 7 || back.Verb != "create" {
		t.Fatalf("%s, %+v, %v", sent, back, err)
	}
}

func TestWhatACallerChoosesIsCut(t *testing.T) {
	long := strings.Repeat("é", 5000)
	groups := make([]string, 1000)
	groups[0] = long
	e, err := audit.Encode(audit.Record{UserAgent: "x" + long, Name: "a\x00b\xff", Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.UserAgent) > 1024 || !utf8.ValidString(e.UserAgent) || len(e.Groups) != 100 || len(e.Groups[0]) > 1024 {
		t.Fatalf("%d bytes of user agent, %d groups, the first of %d bytes", len(e.UserAgent), len(e.Groups), len(e.Groups[0]))
	}
	if e.Name != "a\ufffdb\ufffd" || len(groups[0]) != len(long) {
		t.Fatalf("name %q", e.Name)
	}
}

func TestAQuerySelects(t *testing.T) {
	r := audit.Record{
		ID: 7, At: time.Unix(100, 0), User: "ann", ImpersonatedBy: "root", Verb: "create", Resource: "pipelines",
		Namespace: "default", Name: "a", RequestID: "q1", Code: 409,
	}
	for name, c := range map[string]struct {
		q    audit.Query
		want bool
	}{
		"all":           {audit.Query{}, true},
		"since":         {audit.Query{Since: time.Unix(100, 0)}, true},
		"since later":   {audit.Query{Since: time.Unix(101, 0)}, false},
		"until":         {audit.Query{Until: time.Unix(100, 0)}, false},
		"until later":   {audit.Query{Until: time.Unix(101, 0)}, true},
		"user":          {audit.Query{User: "ann"}, true},
		"who it was":    {audit.Query{User: "root"}, true},
		"another user":  {audit.Query{User: "bob"}, false},
		"verb":          {audit.Query{Verb: "delete"}, false},
		"resource":      {audit.Query{Resource: "secrets"}, false},
		"namespace":     {audit.Query{Namespace: "other"}, false},
		"name":          {audit.Query{Name: "b"}, false},
		"request":       {audit.Query{RequestID: "q2"}, false},
		"class":         {audit.Query{Code: 4}, true},
		"another class": {audit.Query{Code: 5}, false},
		"code":          {audit.Query{Code: 409}, true},
		"another code":  {audit.Query{Code: 404}, false},
		"after":         {audit.Query{After: 7}, false},
		"before":        {audit.Query{Before: 7}, false},
		"between":       {audit.Query{After: 6, Before: 8}, true},
		"everything": {audit.Query{User: "ann", Verb: "create", Resource: "pipelines", Namespace: "default", Name: "a",
			RequestID: "q1", Code: 409, Since: time.Unix(99, 0), Until: time.Unix(101, 0)}, true},
	} {
		if got := c.q.Matches(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSumsArePackedAndUnpacked(t *testing.T) {
	sums := []audit.Sum{{ID: 1, Hash: audit.HashOf([]byte("a"))}, {ID: 1 << 40, Hash: audit.HashOf([]byte("b"))}}
	back, err := audit.Unpack(audit.Pack(sums))
	if err != nil || len(back) != 2 || back[0] != sums[0] || back[1] != sums[1] {
		t.Fatalf("%v, %v", back, err)
	}
	if _, err := audit.Unpack(make([]byte, 41)); err == nil {
		t.Fatal("41 bytes were taken for sums")
	}
}
