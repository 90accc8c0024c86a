package postgres_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// After secrets were written, changed and deleted, no file of the database (tables, WAL,
// log) has any of their values, in the clear or in base64.
func TestNoFileOfTheDatabaseHasASecret(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	server, err := postgres.StartPrivate(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(); os.RemoveAll(server.Home()) })
	values := []string{"correct-horse-one", "correct-horse-two", "known-in-the-clear"}
	s := openWith(t, sealing(server.DSN(), keyFile(t)))
	ok := must(t)
	a := ok(s.Create(t.Context(), secret("a", values[0])))
	ok(s.Update(t.Context(), with(a, values[1])))
	ok(s.Delete(t.Context(), a.Key(), store.Preconditions{}))
	pgtest.Exec(t, server.DSN(), `CREATE TABLE note AS SELECT $1::text`, values[2]) // the search itself works
	pgtest.Exec(t, server.DSN(), `CHECKPOINT`)
	found := map[string]string{}
	err = filepath.WalkDir(server.Home(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // gone meanwhile
		}
		data, err := os.ReadFile(path)
		for _, value := range values {
			if bytes.Contains(data, []byte(value)) || bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString([]byte(value)))) {
				found[value] = path
			}
		}
		return err
	})
	if err != nil || len(found) != 1 || found[values[2]] == "" {
		t.Fatalf("found %v, %v", found, err)
	}
}
