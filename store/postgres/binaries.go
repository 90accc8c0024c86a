package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// binaries is a directory with the programs of one version of PostgreSQL.
type binaries struct {
	dir   string
	major int
}

func (b binaries) program(name string) string { return filepath.Join(b.dir, name) }

// placesOfBinaries beside PATH: Debian, Fedora, Homebrew, the installer for macOS.
var placesOfBinaries = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Library/PostgreSQL/*/bin",
}

// oldestMajor is the oldest version of PostgreSQL that the statements here run on.
const oldestMajor = 15

var errNoBinaries = errors.New("no PostgreSQL 15 or newer is installed; install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or set DATABASE_URL to a server")

// findBinaries finds the newest PostgreSQL here, or that of a major version when it is not 0.
func findBinaries(major int) (binaries, error) {
	var found []binaries
	for _, dir := range binaryDirs() {
		if b, ok := versionIn(dir); ok {
			found = append(found, b)
		}
	}
	found = slices.DeleteFunc(found, func(b binaries) bool {
		return b.major < oldestMajor || major != 0 && b.major != major
	})
	if len(found) == 0 && major != 0 {
		return binaries{}, fmt.Errorf("the data were written by PostgreSQL %[1]d, which is not installed; install it (Debian, Ubuntu: apt-get install postgresql-%[1]d)", major)
	}
	if len(found) == 0 {
		return binaries{}, errNoBinaries
	}
	return slices.MaxFunc(found, func(a, b binaries) int { return cmp.Compare(a.major, b.major) }), nil
}

func binaryDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range placesOfBinaries {
		more, _ := filepath.Glob(pattern) // the patterns are constants
		dirs = append(dirs, more...)
	}
	return dirs
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// versionIn asks the server in dir for its version; both programs must be there.
func versionIn(dir string) (binaries, bool) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, false
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return binaries{}, false
	}
	major, err := strconv.Atoi(string(match[1]))
	return binaries{dir, major}, err == nil
}

// majorOf is the version that a cluster was made by; 0 when there is none yet.
func majorOf(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read the version of the data in %s: %w", data, err)
	}
	return major, nil
}
