package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// DumpOptions say what Dump writes.
type DumpOptions struct {
	SchemaOnly bool // the tables without what is in them
}

// Dump writes the schema of a database as SQL, with the pg_dump of the machine, which must be of the
// server's version or newer. What is sealed stays sealed.
func Dump(ctx context.Context, dsn string, out io.Writer, o DumpOptions) error {
	conn, schema, err := connectSchema(ctx, dsn)
	if err != nil {
		return err
	}
	var number int
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&number)
	config := conn.Config()
	hangUp(ctx, conn)
	if err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	program, err := findPgDump(number / 10000)
	if err != nil {
		return err
	}
	args := []string{"--no-password", "--no-owner", "--no-privileges", "--schema", pgx.Identifier{schema}.Sanitize()}
	if o.SchemaOnly {
		args = append(args, "--schema-only")
	}
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), libpqEnv(config, dsn)...), out, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

// libpqEnv tells libpq's programs where to connect, as their arguments are there for all to see.
func libpqEnv(c *pgx.ConnConfig, dsn string) []string {
	env := []string{"PGHOST=" + c.Host, fmt.Sprint("PGPORT=", c.Port), "PGUSER=" + c.User, "PGDATABASE=" + c.Database, "PGPASSWORD=" + c.Password}
	for _, name := range []string{"sslmode", "sslrootcert", "sslcert", "sslkey"} {
		if value := parameter(dsn, name); value != "" {
			env = append(env, "PG"+strings.ToUpper(name)+"="+value)
		}
	}
	return env
}

// parameter is one of a URL's or a keyword string's.
func parameter(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		return u.Query().Get(name)
	}
	for _, word := range strings.Fields(dsn) {
		if key, value, _ := strings.Cut(word, "="); key == name {
			return strings.Trim(value, "'")
		}
	}
	return ""
}

// findPgDump finds one that is new enough for a server.
func findPgDump(major int) (string, error) {
	var dirs []string
	if path, err := exec.LookPath("pg_dump"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	dirs = append(dirs, binaryDirs()...)
	oldest := 0
	for _, dir := range slices.Compact(dirs) {
		path := filepath.Join(dir, "pg_dump")
		text, err := exec.Command(path, "--version").Output()
		if err != nil {
			continue
		}
		match := versionLine.FindSubmatch(text)
		if match == nil {
			continue
		}
		var found int
		if _, err := fmt.Sscan(string(match[1]), &found); err != nil {
			continue
		}
		if found >= major {
			return path, nil
		}
		oldest = max(oldest, found)
	}
	if oldest > 0 {
		return "", fmt.Errorf("the server is PostgreSQL %[1]d, and the newest pg_dump here is of %[2]d: install postgresql-client-%[1]d", major, oldest)
	}
	return "", errors.New("there is no pg_dump here: install it (Debian, Ubuntu: apt-get install postgresql-client); pnserver db backup needs none")
}
