package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

// Audit proves the rules of store.Audit on the log of records that log finds for a store.
func Audit(t *testing.T, open func(t *testing.T) store.Store, log func(store.Store) store.Audit) {
	for _, r := range auditRules {
		t.Run(r.name, func(t *testing.T) {
			s := open(t)
			r.test(t, s, log(s))
		})
	}
}

type auditRule struct {
	name string
	test func(t *testing.T, s store.Store, log store.Audit)
}

// noted records a change as a call of that name.
func noted(verb string) store.WriteOption {
	return store.Audited(func(c store.Change) audit.Record {
		return record(verb, c.New.Name, 200)
	})
}

func record(verb, name string, code int) audit.Record {
	return audit.Record{At: time.Now(), User: "ann", Verb: verb, Resource: "pipelines", Namespace: "default", Name: name, Code: code}
}

func records(t *testing.T, log store.Audit, q audit.Query) []audit.Entry {
	t.Helper()
	found, err := log.Records(t.Context(), q)
	if err != nil {
		t.Fatalf("records: %v", err)
	}
	return found
}

// verify checks the chain, and how many records it has.
func verify(t *testing.T, log store.Audit, want int64) audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), log)
	if err != nil || report.Records != want {
		t.Fatalf("%d records were verified, not %d: %v", report.Records, want, err)
	}
	return report
}

func verbs(entries []audit.Entry) string {
	s := ""
	for _, e := range entries {
		s += e.Verb + " "
	}
	return s
}

var auditRules = []auditRule{
	{"a write and its record are committed together, under one revision", func(t *testing.T, s store.Store, log store.Audit) {
		at := time.Now().Add(-time.Second)
		made, err := s.Create(t.Context(), object("a"), store.Audited(func(c store.Change) audit.Record {
			document, err := json.Marshal(c.New)
			if c.Type != store.Added || c.Old != nil || err != nil {
				t.Errorf("the change of a create: %+v, %v", c, err)
			}
			r := record("create", "a", 201)
			r.Groups, r.New, r.UID = []string{"dev"}, document, string(c.New.UID)
			return r
		}))
		if err != nil {
			t.Fatal(err)
		}
		got := records(t, log, audit.Query{})
		if len(got) != 1 || got[0].ID != int64(revision(t, made)) || got[0].UID != string(made.UID) || got[0].At.Before(at) || got[0].Groups[0] != "dev" {
			t.Fatalf("records %+v", got)
		}
		var back api.Object
		if err := json.Unmarshal(got[0].New, &back); err != nil || !api.SameJSON(back.Spec, made.Spec) {
			t.Fatalf("the new object %s, %v", got[0].New, err)
		}
		verify(t, log, 1)
	}},
	{"every sort of write has its record, and one that nobody asked for has none", func(t *testing.T, s store.Store, log store.Audit) {
		a, err := s.Create(t.Context(), with(object("a"), func(o *api.Object) { o.Finalizers = []string{"x"} }), noted("create"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Update(t.Context(), with(a, spec(2)), noted("update"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.UpdateStatus(t.Context(), with(b, func(o *api.Object) { o.Status = json.RawMessage(`{"a":1}`) }), noted("status"))
		if err != nil {
			t.Fatal(err)
		}
		update(t, s, with(c, label("un", "audited")))
		d, err := s.Delete(t.Context(), a.Key(), store.Preconditions{}, noted("delete"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Update(t.Context(), with(d, func(o *api.Object) { o.Finalizers = nil }), noted("release")); err != nil {
			t.Fatal(err)
		}
		if got := verbs(records(t, log, audit.Query{Oldest: true})); got != "create update status delete release " {
			t.Fatalf("records of %s", got)
		}
		verify(t, log, 5)
	}},
	{"a write that fails, and a dry run, have no record", func(t *testing.T, s store.Store, log store.Audit) {
		a := create(t, s, object("a"))
		b := update(t, s, with(a, spec(2)))
		_, err := s.Create(t.Context(), object("a"), noted("create"))
		wantError(t, err, api.ErrExists)
		_, err = s.Update(t.Context(), with(a, spec(3)), noted("update"))
		wantError(t, err, api.ErrConflict)
		if _, err = s.Update(t.Context(), with(b, spec(3)), noted("dry"), store.DryRun()); err != nil {
			t.Fatal(err)
		}
		if got := records(t, log, audit.Query{}); len(got) != 0 {
			t.Fatalf("records of %s", verbs(got))
		}
		verify(t, log, 0)
	}},
	{"a write that changes nothing has a record and leaves the object alone", func(t *testing.T, s store.Store, log store.Audit) {
		a := create(t, s, object("a"))
		var change store.Change
		same, err := s.Update(t.Context(), a, store.Audited(func(c store.Change) audit.Record {
			change = c
			return record("update", "a", 200)
		}))
		if err != nil || same.ResourceVersion != a.ResourceVersion || change.Type != "" {
			t.Fatalf("updated to %v by %+v, %v", same, change, err)
		}
		got := records(t, log, audit.Query{})
		if len(got) != 1 || got[0].ID <= int64(revision(t, a)) {
			t.Fatalf("records %+v", got)
		}
		create(t, s, object("b"))
		verify(t, log, 1)
	}},
	{"a passing write has neither a record nor a version, and moves the object all the same", func(t *testing.T, s store.Store, log store.Audit) {
		a := create(t, s, object("a"))
		passing := store.Passing(func(c store.Change) bool { return c.Old != nil && c.New.Labels["keep"] == "" })
		b, err := s.Update(t.Context(), with(a, spec(2)), noted("update"), passing)
		if err != nil || b.Generation != 2 || b.ResourceVersion == a.ResourceVersion {
			t.Fatalf("updated to %v, %v", b, err)
		}
		kept := with(b, spec(3))
		kept.Labels = map[string]string{"keep": "yes"}
		if _, err := s.Update(t.Context(), kept, noted("kept"), passing); err != nil {
			t.Fatal(err)
		}
		versions, err := s.History(t.Context(), a.Key())
		if err != nil || len(versions) != 2 || versions[1].Generation != 3 {
			t.Fatalf("%+v, %v", versions, err)
		}
		if got := records(t, log, audit.Query{}); len(got) != 1 || got[0].Verb != "kept" {
			t.Fatalf("records of %s", verbs(got))
		}
		verify(t, log, 1)
	}},
	{"what was refused is appended in the one order, and no watch tells of it", func(t *testing.T, s store.Store, log store.Audit) {
		w := watch(t, s, 0, store.WatchOptions{})
		for n := range 3 {
			if err := log.Append(t.Context(), record("refused", fmt.Sprint(n), 403)); err != nil {
				t.Fatal(err)
			}
		}
		a, err := s.Create(t.Context(), object("a"), noted("create"))
		if err != nil {
			t.Fatal(err)
		}
		w.expect(store.Added, a)
		got := records(t, log, audit.Query{})
		if verbs(got) != "create refused refused refused " || got[1].Name != "2" || got[0].ID != int64(revision(t, a)) {
			t.Fatalf("records %+v", got)
		}
		if r, err := s.Revision(t.Context()); err != nil || r != revision(t, a) {
			t.Fatalf("the store is at %d, %v", r, err)
		}
		verify(t, log, 4)
	}},
	{"records are found by what they say", testFind},
	{"records are read in pages, both ways", func(t *testing.T, s store.Store, log store.Audit) {
		for n := range 7 {
			if err := log.Append(t.Context(), record("get", fmt.Sprint(n), 403)); err != nil {
				t.Fatal(err)
			}
		}
		down, up := "", ""
		for q := (audit.Query{Limit: 3}); ; {
			page := records(t, log, q)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				down += e.Name
			}
			q.Before = page[len(page)-1].ID
		}
		for q := (audit.Query{Limit: 3, Oldest: true}); ; {
			page := records(t, log, q)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				up += e.Name
			}
			q.After = page[len(page)-1].ID
		}
		if down != "6543210" || up != "0123456" {
			t.Fatalf("newest first %s, oldest first %s", down, up)
		}
	}},
	{"links are read in pages, with the place where the chain begins and ends", func(t *testing.T, s store.Store, log store.Audit) {
		for n := range 5 {
			if err := log.Append(t.Context(), record("get", fmt.Sprint(n), 403)); err != nil {
				t.Fatal(err)
			}
		}
		whole, err := log.Links(t.Context(), 0, 100)
		if err != nil || len(whole.Links) != 5 || whole.Head.Hash != whole.Links[4].Head || whole.Anchor != (audit.Head{}) {
			t.Fatalf("%+v, %v", whole, err)
		}
		part, err := log.Links(t.Context(), whole.Links[1].Sums[0].ID, 2)
		if err != nil || len(part.Links) != 2 || part.Links[0].Head != whole.Links[2].Head || part.Head != whole.Head {
			t.Fatalf("%+v, %v", part, err)
		}
	}},
	{"of a race for an object the records tell the winners", testAuditedRace},
}

func testFind(t *testing.T, _ store.Store, log store.Audit) {
	begin := time.Now().Truncate(time.Microsecond)
	for n, r := range []audit.Record{
		{User: "ann", Verb: "create", Resource: "pipelines", Namespace: "one", Name: "a", RequestID: "q0", Code: 201},
		{User: "bob", Verb: "delete", Resource: "secrets", Namespace: "two", Name: "b", RequestID: "q1", Code: 403},
		{User: "eve", ImpersonatedBy: "ann", Verb: "update", Resource: "pipelines", Namespace: "two", Name: "a", RequestID: "q2", Code: 409},
		{User: "bob", Verb: "update", Resource: "pipelines", Namespace: "one", Name: "b\x00", RequestID: "q3", Code: 500},
	} {
		r.At = begin.Add(time.Duration(n) * time.Second)
		if err := log.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for want, q := range map[string]audit.Query{
		"q3 q2 q1 q0 ": {},
		"q2 q0 ":       {User: "ann"},
		"q3 q2 ":       {Verb: "update"},
		"q3 q2 q0 ":    {Resource: "pipelines"},
		"q2 q1 ":       {Namespace: "two"},
		"q0 q2 ":       {Name: "a", Oldest: true},
		"q1 ":          {RequestID: "q1"},
		"q1 q2 ":       {Code: 4, Oldest: true},
		"q3 ":          {Code: 500},
		"q2 q1 q0 ":    {Until: begin.Add(3 * time.Second)},
		"q3 q2 q1 ":    {Since: begin.Add(time.Second)},
		"q0 ":          {User: "ann", Code: 2, Namespace: "one", Resource: "pipelines", Verb: "create", Name: "a", Limit: 5},
		"":             {User: "nobody"},
	} {
		got := ""
		for _, e := range records(t, log, q) {
			got += e.RequestID + " "
		}
		if got != want {
			t.Errorf("%+v found %s, not %s", q, got, want)
		}
	}
	verify(t, log, 4)
}

// AuditedRace has writers update one object through several stores, which keep one log of records.
func AuditedRace(t *testing.T, logs []store.Audit, stores ...store.Store) {
	const writers, times = 4, 15
	o := create(t, stores[0], object("a"))
	var group sync.WaitGroup
	for n, s := range stores {
		for range writers {
			group.Go(func() {
				for range times {
					if err := addOne(t.Context(), s, o.Key()); err != nil {
						t.Error(err)
					}
					if err := logs[n].Append(t.Context(), record("refused", "x", 403)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	group.Wait()
	wins := int64(len(stores) * writers * times)
	for _, log := range logs {
		won := records(t, log, audit.Query{Name: "a", Oldest: true})
		for n, e := range won {
			if want := fmt.Sprint("write ", n+2); e.Message != want || n > 0 && e.ID <= won[n-1].ID {
				t.Fatalf("record %d is %q, not %q", e.ID, e.Message, want)
			}
		}
		if int64(len(won)) != wins {
			t.Fatalf("%d records of %d writes", len(won), wins)
		}
		verify(t, log, 2*wins)
	}
}

func testAuditedRace(t *testing.T, s store.Store, log store.Audit) {
	AuditedRace(t, []store.Audit{log}, s)
}

// addOne moves the spec on by one, whoever else does so too.
func addOne(ctx context.Context, s store.Store, key api.Key) error {
	for {
		o, err := s.Get(ctx, key)
		if err != nil {
			return err
		}
		_, err = s.Update(ctx, with(o, spec(int(o.Generation)+1)), store.Audited(func(c store.Change) audit.Record {
			r := record("update", c.New.Name, 200)
			r.Message = fmt.Sprint("write ", c.New.Generation)
			return r
		}))
		if !errors.Is(err, api.ErrConflict) {
			return err
		}
	}
}
