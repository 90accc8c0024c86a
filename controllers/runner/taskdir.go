package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	protocol "github.com/powernode/powernode/api/runner"
)

// taskDir is the directory of one task, and all that a restarted runner knows
// of it. No file in it holds a secret by our doing: the plan goes to the shim through a
// pipe, and what the step prints is masked before it is written.
//
//	task.json    what was leased, without secrets; written first
//	lock         held by the shim (and nobody else) while it lives
//	shim.pid     the shim's process id
//	started      exists once the step's own code may have run
//	output.log   the step's output, masked
//	exit.json    how the step ended; written last by the shim
//	result.json  what is reported; once it exists, exactly these bytes are
//	io/          script and outputs, what a container sees as /powernode
//	home/ tmp/   the step's HOME and TMPDIR
type taskDir string

func (d taskDir) path(name string) string { return filepath.Join(string(d), name) }

func (d taskDir) outputs() string { return d.path("io/outputs") }
func (d taskDir) script() string  { return d.path("io/script") }

// record is what task.json holds.
type record struct {
	ID           string        `json:"id"`
	Token        string        `json:"token"`
	LeaseSeconds int           `json:"leaseSeconds"`
	Step         protocol.Step `json:"step"`
	// LogBase is where this execution's output starts in the log of the attempt:
	// not at 0 when a runner before this one was lost. Negative until it is known.
	LogBase int64 `json:"logBase"`
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,180}$`)

// fileName makes a file name of an id that came over the wire.
func fileName(id string) string {
	if plainName.MatchString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "id-" + hex.EncodeToString(sum[:16])
}

// create makes the directory with the record in it.
func (d taskDir) create(r record) error {
	for _, dir := range []string{"", "io/home", "home", "tmp"} {
		if err := os.MkdirAll(d.path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{"lock", "output.log", "io/outputs"} {
		f, err := os.OpenFile(d.path(name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	return d.writeJSON("task.json", r)
}

// openToContainer lets a container's user, whoever it is, use the files that it
// is shown; the directories above stay closed to everybody else on the host.
func (d taskDir) openToContainer() error {
	return errors.Join(os.Chmod(d.path("io"), 0o755), os.Chmod(d.path("io/home"), 0o777), os.Chmod(d.outputs(), 0o666))
}

func (d taskDir) remove() error {
	// Tools leave read-only directories behind (Go's module cache does).
	_ = filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(string(d))
}

// writeJSON replaces a file at once and durably: after a crash there is the old or the new.
func (d taskDir) writeJSON(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return writeFile(d.path(name), raw)
}

func writeFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (d taskDir) readJSON(name string, v any) error {
	raw, err := os.ReadFile(d.path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", d.path(name), err)
	}
	return nil
}

func (d taskDir) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

// lock takes the lock of the directory; nil, nil when another process has it.
// It is given up when every copy of the file is closed, by a crash too.
func (d taskDir) lock() (*os.File, error) {
	f, err := os.OpenFile(d.path("lock"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	locked, err := tryLock(f)
	if err != nil || !locked {
		f.Close()
		return nil, err
	}
	return f, nil
}

func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return true, nil
}

// alive reports whether a shim works in the directory.
func (d taskDir) alive() (bool, error) {
	f, err := d.lock()
	if err != nil {
		return false, err
	}
	if f == nil {
		return true, nil
	}
	return false, f.Close()
}

// signal sends sig to the shim. The lock says that it is the shim's process and
// no other that has the number.
func (d taskDir) signal(sig syscall.Signal) error {
	raw, err := os.ReadFile(d.path("shim.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil || pid <= 1 {
		return fmt.Errorf("%s: not a process id", d.path("shim.pid"))
	}
	if alive, err := d.alive(); err != nil || !alive {
		return err
	}
	return syscall.Kill(pid, sig)
}
