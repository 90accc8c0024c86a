package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// confined joins a path from a pipeline to the workspace, and refuses one that
// leads out of it, by dots, as an absolute path or through symbolic links. What does not exist yet is fine.
func confined(workspace, path string) (string, error) {
	if path == "" {
		path = "."
	}
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("%q leads out of the workspace", path)
	}
	root, err := filepath.EvalSymlinks(workspace)
	if err != nil {
		return "", err
	}
	full := filepath.Join(workspace, path)
	for probe := full; ; probe = filepath.Dir(probe) {
		real, err := filepath.EvalSymlinks(probe)
		if errors.Is(err, fs.ErrNotExist) && probe != workspace {
			continue
		}
		if err != nil {
			return "", err
		}
		if real != root && !strings.HasPrefix(real, root+string(os.PathSeparator)) {
			return "", fmt.Errorf("%q leads out of the workspace through a symbolic link", path)
		}
		return full, nil
	}
}

// splitCredentials takes user and password out of a repository's address.
func splitCredentials(address string) (clean, username, password string) {
	u, err := url.Parse(address)
	if err != nil || u.User == nil || u.Scheme != "http" && u.Scheme != "https" {
		return address, "", ""
	}
	username = u.User.Username()
	password, _ = u.User.Password()
	u.User = nil
	if password == "" { // https://TOKEN@host/
		username, password = "git", username
	}
	return u.String(), username, password
}

// hostOf is the scheme and host of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}
