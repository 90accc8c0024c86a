package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unix user that a private server runs as: ourselves, or an
// unprivileged one when we are root, as PostgreSQL refuses root.
type account struct {
	uid, gid int
	other    bool
}

func findAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return account{uid, gid, true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is no unix user postgres or nobody to run it as")
}

// command prepares a program to run as the account, in a session of its own, so that a
// terminal's Ctrl-C and the end of our process leave it alone.
func (a account) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	}
	return cmd
}

// own makes a directory that only the account may enter.
func (a account) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if a.other {
		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			return fmt.Errorf("hand %s over: %w", dir, err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close %s to others: %w", dir, err)
	}
	return nil
}

// home is where the account can keep what belongs to dir: in dir itself, unless it
// cannot come there.
func (a account) home(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make %s: %w", dir, err)
	}
	if !a.other {
		return dir, nil
	}
	if err := a.own(dir); err != nil {
		return "", err
	}
	if a.command("/bin/sh", "-c", `cd "$1"`, "sh", dir).Run() == nil {
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	elsewhere := filepath.Join("/var/lib/powernode", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(filepath.Dir(elsewhere), 0o755); err != nil {
		return "", fmt.Errorf("make %s: %w", filepath.Dir(elsewhere), err)
	}
	return elsewhere, a.own(elsewhere)
}

// socketDir is a directory for the server's socket, whose whole path may have 107 bytes.
func (a account) socketDir(home string) (string, error) {
	dir := filepath.Join(home, "run")
	if len(dir)+len("/.s.PGSQL.5432.lock") > 103 {
		sum := sha256.Sum256([]byte(home))
		dir = filepath.Join("/tmp", fmt.Sprintf("powernode-%d-%s", a.uid, hex.EncodeToString(sum[:6])))
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make %s: %w", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", dir, err)
	}
	// /tmp is everybody's: what lies there must be ours.
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if !info.IsDir() || owner != a.uid && owner != os.Geteuid() {
		return "", fmt.Errorf("%s belongs to somebody else", dir)
	}
	return dir, a.own(dir)
}
