package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store/memory"
)

// tampered is a log that shows its records otherwise than they are.
type tampered struct {
	audit.Source
	records func([]audit.Entry) []audit.Entry
}

func (t tampered) Records(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	entries, err := t.Source.Records(ctx, q)
	return t.records(entries), err
}

func logOf(t *testing.T, records int) audit.Source {
	log := (&memory.Store{}).Audit()
	for range records {
		if err := log.Append(t.Context(), audit.Record{At: time.Unix(1, 0), Verb: "create", Code: 409}); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestVerifyNamesTheRecordThatWasTamperedWith(t *testing.T) {
	log := tampered{logOf(t, 5), func(entries []audit.Entry) []audit.Entry {
		for i := range entries {
			if entries[i].ID == 3 {
				entries[i].Document = bytes.Replace(entries[i].Document, []byte("409"), []byte("200"), 1)
			}
		}
		return entries
	}}
	var out bytes.Buffer
	err := (&verifyOptions{out: &out}).run(t.Context(), log)
	if err == nil || err.Error() != "the audit log is not whole: record 3 was changed" || out.Len() > 0 {
		t.Errorf("%v, %s", err, &out)
	}
}

func TestVerifyFindsALogThatWasCutOff(t *testing.T) {
	o := &verifyOptions{out: &bytes.Buffer{}, anchor: filepath.Join(t.TempDir(), "anchor")}
	if err := o.run(t.Context(), logOf(t, 5)); err != nil {
		t.Fatal(err)
	}
	err := o.run(t.Context(), logOf(t, 4))
	if err == nil || !strings.Contains(err.Error(), "records were cut off, or the log was replaced") {
		t.Errorf("%v", err)
	}
	if err := o.run(t.Context(), logOf(t, 7)); err != nil { // the head it had with 5 is still in it
		t.Error(err)
	}
	if err := o.run(t.Context(), logOf(t, 5)); err == nil { // and now it is that of 7
		t.Error("nothing was kept of the second success")
	}
}
