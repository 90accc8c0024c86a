package backup_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/powernode/powernode/store/backup"
)

var header = backup.Header{Program: "1", PostgreSQL: "15", At: time.Unix(1e9, 0).UTC(), Step: 6, Revision: 7, Keys: []string{"a"}, Days: []string{"20260101"}}

// written is a backup of two tables: one of several pieces, and one without rows.
func written(t testing.TB) (file, rows []byte) {
	rows = make([]byte, 5<<19)
	rand.Read(rows[:3<<18]) // the rest packs well
	var out bytes.Buffer
	w, err := backup.NewWriter(&out, header)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Table(backup.Table{Name: "objects", Columns: []string{"kind", "data"}}); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(rows); at += 60_000 {
		if _, err := w.Write(rows[at:min(at+60_000, len(rows))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.End(12), w.Table(backup.Table{Name: "tasks"}), w.End(0), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), rows
}

// read reads a whole backup.
func read(in io.Reader) (h backup.Header, tables []string, rows []byte, err error) {
	r, h, err := backup.NewReader(in)
	for err == nil {
		var table backup.Table
		if table, err = r.Next(); err != nil {
			break
		}
		var some []byte
		some, err = io.ReadAll(r.Rows())
		tables, rows = append(tables, table.Name), append(rows, some...)
	}
	if err == io.EOF {
		err = nil
	}
	return h, tables, rows, err
}

func TestABackupIsReadAsItWasWritten(t *testing.T) {
	file, rows := written(t)
	h, tables, got, err := read(bytes.NewReader(file))
	if err != nil || !reflect.DeepEqual(h, header) || !reflect.DeepEqual(tables, []string{"objects", "tasks"}) || !bytes.Equal(got, rows) {
		t.Fatalf("read %+v, %v, %d bytes, %v", h, tables, len(got), err)
	}
	r, _, err := backup.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 { // rows that nobody reads are passed over
		if _, err := r.Next(); err != nil {
			t.Fatalf("table %d: %v", n, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("at the end: %v", err)
	}
}

// Wherever it is cut off, a backup is refused.
func TestABackupThatWasCutOffIsRefused(t *testing.T) {
	file, _ := written(t)
	for n := 1; n < len(file); n += 1 + n/3 {
		if _, _, _, err := read(bytes.NewReader(file[:n])); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("cut off after %d bytes: %v", n, err)
		}
	}
	if _, _, _, err := read(bytes.NewReader(file[:len(file)-1])); !errors.Is(err, backup.ErrDamaged) {
		t.Fatalf("cut off before the last byte: %v", err)
	}
	if _, _, _, err := read(bytes.NewReader(append(file[:len(file):len(file)], 'x'))); !errors.Is(err, backup.ErrDamaged) {
		t.Fatalf("with more behind it: %v", err)
	}
}

// Whichever byte was changed, a backup is refused, and nothing that was changed comes out of it.
func TestABackupThatWasChangedIsRefused(t *testing.T) {
	file, rows := written(t)
	for at := 0; at < len(file); at += 1 + at/5 {
		bad := bytes.Clone(file)
		bad[at] ^= 0x10
		_, _, got, err := read(bytes.NewReader(bad))
		if !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrNoBackup) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
		if !bytes.HasPrefix(rows, got) {
			t.Fatalf("byte %d changed: rows came out that were never written", at)
		}
	}
}

// A piece that is left out is missed at the end: each frame alone is right.
func TestABackupThatLacksAPieceIsRefused(t *testing.T) {
	file, _ := written(t)
	first := bytes.Index(file, []byte(`"columns":["kind","data"]}`)) + len(`"columns":["kind","data"]}`) + 4
	length := 9 + int(file[first+1])<<24 + int(file[first+2])<<16 + int(file[first+3])<<8 + int(file[first+4])
	if file[first] != 'D' {
		t.Fatalf("%q is no piece", file[first])
	}
	without := append(bytes.Clone(file[:first]), file[first+length:]...)
	if _, _, _, err := read(bytes.NewReader(without)); !errors.Is(err, backup.ErrDamaged) {
		t.Fatalf("without a piece: %v", err)
	}
}

func TestSomethingElseIsNoBackup(t *testing.T) {
	for _, text := range []string{"", "PGDMP...and so on, as pg_dump writes it", "powernode backup 9\n"} {
		if _, _, _, err := read(bytes.NewReader([]byte(text))); !errors.Is(err, backup.ErrNoBackup) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	file, _ := written(f)
	f.Add(file[:300])
	f.Add([]byte("powernode backup 1\nH\x00\x00\x00\x02{}...."))
	f.Fuzz(func(t *testing.T, data []byte) { _, _, _, _ = read(bytes.NewReader(data)) })
}
