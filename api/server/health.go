package server

import (
	"net/http"
	"runtime"
	"strings"

	"github.com/labstack/echo/v4"
	"k8s.io/apimachinery/pkg/version"
)

const defaultGitVersion = "v1.32.0+powernode"

// version tells which Kubernetes the API speaks like: the kubectl of some machines
// picks itself by it.
func (s *Server) version(c echo.Context) error {
	git := s.cfg.GitVersion
	if git == "" {
		git = defaultGitVersion
	}
	major, rest, _ := strings.Cut(strings.TrimPrefix(git, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	return c.JSON(http.StatusOK, version.Info{
		Major: major, Minor: minor, GitVersion: git, GitCommit: s.cfg.GitCommit, GitTreeState: "clean", BuildDate: s.cfg.BuildDate,
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	})
}

func (s *Server) alive(c echo.Context) error { return c.String(http.StatusOK, "ok") }

// ready tells whether the server can do its work. Why not is in the log: these
// paths are open to all.
func (s *Server) ready(c echo.Context) bool {
	if s.streams.draining() {
		return false
	}
	if s.cfg.Ready == nil {
		return true
	}
	err := s.cfg.Ready(c.Request().Context())
	if err != nil {
		s.cfg.Log.Warn("not ready", "request_id", infoOf(c).requestID, "error", err.Error())
	}
	return err == nil
}

func (s *Server) readyz(c echo.Context) error {
	if !s.ready(c) {
		return c.String(http.StatusServiceUnavailable, "not ready")
	}
	return c.String(http.StatusOK, "ok")
}

type healthStatus struct {
	Status string `json:"status"`
}

func (s *Server) health(c echo.Context) error {
	if !s.ready(c) {
		return c.JSON(http.StatusServiceUnavailable, healthStatus{"not ready"})
	}
	return c.JSON(http.StatusOK, healthStatus{"ok"})
}

func (s *Server) healthLive(c echo.Context) error { return c.JSON(http.StatusOK, healthStatus{"ok"}) }
