package postgres_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// The role, the database and the schema of a URL are made, once, and a store works in them.
func TestCreateMakesWhatTheURLNames(t *testing.T) {
	admin := pgtest.DSN(t)
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	name := "made_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	t.Cleanup(func() {
		pgtest.Exec(t, admin, `DROP DATABASE IF EXISTS `+name)
		pgtest.Exec(t, admin, `DROP ROLE IF EXISTS `+name)
	})
	q := u.Query()
	q.Set("dbname", name)
	q.Set("user", name)
	q.Set("password", "pass word")
	q.Set("search_path", "ours,public")
	u.RawQuery = q.Encode()
	if u.User != nil { // a server of the machine's own, by host and port
		u.User, u.Path = url.UserPassword(name, "pass word"), "/"+name
	}
	made, err := postgres.Create(t.Context(), u.String(), postgres.CreateOptions{Admin: admin, Role: true, Schema: true})
	if err != nil || fmt.Sprint(made) != fmt.Sprintf("[role %[1]s database %[1]s schema ours]", name) {
		t.Fatalf("made %v, %v", made, err)
	}
	if made, err := postgres.Create(t.Context(), u.String(), postgres.CreateOptions{Admin: admin, Role: true, Schema: true}); err != nil || len(made) != 0 {
		t.Fatalf("made %v again, %v", made, err)
	}
	s := open(t, u.String())
	must(t)(s.Create(t.Context(), object("a")))
	if n := count(t, u.String(), `SELECT count(*) FROM ours.objects`); n != 1 {
		t.Fatalf("%d objects are in the schema", n)
	}
	s.Close()
	if _, err := postgres.Create(t.Context(), u.String(), postgres.CreateOptions{Role: true}); err == nil || !strings.Contains(err.Error(), "--admin-url") {
		t.Fatalf("a role made by itself: %v", err)
	}
}

// What is kept of a password is what PostgreSQL would have made of it.
func TestPasswordsAreHashedAsPostgreSQLDoes(t *testing.T) {
	dsn := pgtest.DSN(t)
	name := "role_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	pgtest.Exec(t, dsn, `SET password_encryption = 'scram-sha-256'; CREATE ROLE `+name+` PASSWORD 'pencil 123'`)
	t.Cleanup(func() { pgtest.Exec(t, dsn, `DROP ROLE `+name) })
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var kept string
	if err := conn.QueryRow(t.Context(), `SELECT rolpassword FROM pg_authid WHERE rolname = $1`, name).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	salt, err := base64.StdEncoding.DecodeString(strings.Split(strings.Split(kept, "$")[1], ":")[1])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := postgres.ScramWith(salt, "pencil 123"); err != nil || got != kept {
		t.Fatalf("%s, not %s, %v", got, kept, err)
	}
}
