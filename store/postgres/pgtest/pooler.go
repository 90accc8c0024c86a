package pgtest

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// bouncer is the PgBouncer of this process, started when it is first needed. Each
// schema is a database of its own there: in transaction mode, which keeps no
// sessions, with fewer of them than a store has connections.
type bouncer struct {
	dir     string
	process *os.Process
	pipe    io.Closer

	mu        sync.Mutex
	databases map[string]string // lines of the configuration
}

var pooler = sync.OnceValues(startBouncer)

// Pooled is DSN for a schema that is reached through PgBouncer in transaction mode, and directly.
func Pooled(t testing.TB) (pooled, direct string) {
	t.Helper()
	direct = DSN(t)
	return Before(t, direct), direct
}

// Before puts PgBouncer in transaction mode before a database.
func Before(t testing.TB, direct string) (pooled string) {
	t.Helper()
	b, err := pooler()
	if err != nil {
		t.Fatalf("%v\nInstall what is missing: .ci/setup", err)
	}
	return b.add(t, direct, "transaction")
}

// Sessions is Pooled in session mode.
func Sessions(t testing.TB) (pooled, direct string) {
	t.Helper()
	direct = DSN(t)
	b, err := pooler()
	if err != nil {
		t.Fatalf("%v\nInstall what is missing: .ci/setup", err)
	}
	return b.add(t, direct, "session"), direct
}

// add makes the schema of a DSN a database of the pooler's.
func (b *bouncer) add(t testing.TB, direct, mode string) (dsn string) {
	t.Helper()
	config, err := pgx.ParseConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	name := "db_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	sizes := map[string]int{"transaction": 3, "session": 30}
	line := fmt.Sprintf("%s = host=%s port=%d dbname=%s user=%s pool_mode=%s pool_size=%d",
		name, config.Host, config.Port, config.Database, config.User, mode, sizes[mode])
	if schema := config.RuntimeParams["search_path"]; schema != "" {
		line += " connect_query='SET search_path TO " + schema + "'"
	}
	if config.Password != "" {
		line += " password='" + strings.ReplaceAll(config.Password, "'", "''") + "'"
	}
	if err := b.configure(name, line); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.configure(name, ""); err != nil {
			t.Error(err)
		}
	})
	query := url.Values{"host": {b.dir}, "port": {"6432"}, "user": {config.User}, "sslmode": {"disable"}}
	dsn = "postgres:///" + name + "?" + query.Encode()
	awaitAnswer(t, dsn)
	return dsn
}

// awaitAnswer waits until the pooler knows a new database.
func awaitAnswer(t testing.TB, dsn string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("PgBouncer does not answer: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// configure sets the line of a database, none when it is empty.
func (b *bouncer) configure(database, line string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line == "" {
		delete(b.databases, database)
	} else {
		b.databases[database] = line
	}
	if err := b.write(); err != nil {
		return err
	}
	return b.process.Signal(syscall.SIGHUP)
}

// write writes the configuration.
func (b *bouncer) write() error {
	var s strings.Builder
	s.WriteString("[databases]\n")
	for _, line := range b.databases {
		s.WriteString(line + "\n")
	}
	// Without connect_query's search_path being undone, as DISCARD ALL would in session mode.
	fmt.Fprintf(&s, `[pgbouncer]
server_reset_query = UNLISTEN *; DEALLOCATE ALL; SELECT pg_advisory_unlock_all()
listen_addr =
listen_port = 6432
unix_socket_dir = %[1]s
auth_type = any
max_client_conn = 500
server_idle_timeout = 1
server_login_retry = 1
query_wait_timeout = 10
logfile = %[1]s/log
`, b.dir)
	next := filepath.Join(b.dir, "next.ini")
	if err := os.WriteFile(next, []byte(s.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(b.dir, "pgbouncer.ini"))
}

// startBouncer starts PgBouncer, which refuses to run as root, and leaves a shell behind that ends it.
func startBouncer() (*bouncer, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !isFile(program) {
			return nil, fmt.Errorf("there is no pgbouncer: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "pgbouncer")
	if err != nil {
		return nil, err
	}
	b := &bouncer{dir: dir, databases: map[string]string{}}
	if err := b.write(); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-q", filepath.Join(dir, "pgbouncer.ini"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		if cmd.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pgbouncer: %w", err)
	}
	b.process = cmd.Process
	go cmd.Wait() //nolint:errcheck // so that no zombie is left; it ends with us
	b.pipe, err = leaveBehind(`cat >/dev/null; kill -TERM "$1"; rm -rf "$2"`, fmt.Sprint(b.process.Pid), dir)
	if err != nil {
		return nil, err
	}
	return b, b.awaitStart()
}

// awaitStart waits until it takes calls; a signal before would end it.
func (b *bouncer) awaitStart() error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(b.dir, ".s.PGSQL.6432")); err == nil {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
	return fmt.Errorf("pgbouncer does not start: %s", log)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// unprivileged is the user postgres, who gets the directory.
func unprivileged(dir string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if errUID != nil || errGID != nil {
		return nil, fmt.Errorf("user postgres has the ids %s and %s", u.Uid, u.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}
