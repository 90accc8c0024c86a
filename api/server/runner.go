package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

const (
	runnerResource = "runner"
	// longestWait bounds a runner's wait for work, in seconds.
	longestWait = 60
	// shortestWait gives a lease that is to be answered at once the time to look.
	shortestWait = 500 * time.Millisecond
)

// routeRunner serves the protocol of package api/runner.
func (s *Server) routeRunner(g *echo.Group) {
	as := func(verb string, handle echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			i := infoOf(c)
			i.verb, i.resource = verb, runnerResource
			i.target = target{resource: "tasks", name: c.Param("id")}
			return handle(c)
		}
	}
	g.POST("/lease", as("lease", s.lease))
	g.POST("/tasks/:id/renew", as("renew", s.renew))
	g.POST("/tasks/:id/log", as("log", s.appendLog))
	g.POST("/tasks/:id/result", as("result", s.result))
	g.POST("/tasks/:id/blobs", as("upload", s.putBlob))
	g.GET("/tasks/:id/blobs/:sha256", as("download", s.getBlob))
}

// readJSON decodes the body of a runner's call.
func readJSON(c echo.Context, into any) error {
	body, err := readBody(c, maxBody)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("read body: %v", err))
	}
	return nil
}

func seconds(n int) (time.Duration, error) {
	if n < 0 || n > longestWait {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("waitSeconds: %d is not in 0..%d", n, longestWait))
	}
	return time.Duration(n) * time.Second, nil
}

// lease hands the runner a step with the values of its secrets, waiting for one.
func (s *Server) lease(c echo.Context) error {
	infoOf(c).streaming = true
	var ask runner.LeaseRequest
	if err := readJSON(c, &ask); err != nil {
		return err
	}
	if ask.Runner == "" {
		return apierrors.NewBadRequest("runner: must be the runner's name")
	}
	wait, err := seconds(ask.WaitSeconds)
	if err != nil {
		return err
	}
	ctx, end := s.streams.begin(c.Request().Context())
	defer end()
	ctx, cancel := context.WithTimeout(ctx, max(wait, shortestWait))
	defer cancel()
	claim := runner.Claim{Runner: ask.Runner, Labels: ask.Labels, Docker: ask.Docker}
	assignment, err := s.next(ctx, c.Request().Context(), claim)
	switch {
	case errors.Is(err, api.ErrNotFound), err != nil && ctx.Err() != nil:
		return c.NoContent(http.StatusNoContent)
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, assignment)
}

// next leases steps until one has its secrets. It waits for one as long as waiting
// lasts; what was leased is handed over even when that is over by then.
func (s *Server) next(waiting, ctx context.Context, claim runner.Claim) (*runner.Assignment, error) {
	for {
		state, err := s.cfg.Tasks.Lease(waiting, claim)
		if err != nil {
			return nil, err
		}
		assignment, refused, err := s.assign(ctx, state)
		if err != nil {
			return nil, fmt.Errorf("hand over task %s: %w", state.ID, err)
		}
		if refused == nil {
			return assignment, nil
		}
		if err := s.finish(ctx, state.ID, state.Token, refused); err != nil {
			return nil, err
		}
	}
}

// renew extends a lease; it answers when the wait is over or the step is to end.
func (s *Server) renew(c echo.Context) error {
	infoOf(c).streaming = true
	var ask runner.RenewRequest
	if err := readJSON(c, &ask); err != nil {
		return err
	}
	wait, err := seconds(ask.WaitSeconds)
	if err != nil {
		return err
	}
	ctx, end := s.streams.begin(c.Request().Context())
	defer end()
	state, err := s.cfg.Tasks.Renew(ctx, c.Param("id"), token(c), min(wait, runner.LeaseTime/2))
	if err != nil && s.streams.draining() {
		return unavailable("the server is stopping")
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, runner.Renewal{Cancel: state.Cancelled})
}

// result records how a step ended, once, and closes its log.
func (s *Server) result(c echo.Context) error {
	var res runner.Result
	if err := readJSON(c, &res); err != nil {
		return err
	}
	if known := []runner.Conclusion{runner.Success, runner.Failure, runner.Cancelled}; !slices.Contains(known, res.Conclusion) {
		return apierrors.NewBadRequest(fmt.Sprintf("conclusion: Unsupported value: %q: supported values: success, failure, cancelled", res.Conclusion))
	}
	if err := s.finish(c.Request().Context(), c.Param("id"), token(c), &res); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func (s *Server) finish(ctx context.Context, id, token string, res *runner.Result) error {
	raw, err := json.Marshal(res)
	if err != nil {
		return fmt.Errorf("encode result of %s: %w", id, err)
	}
	if err := s.cfg.Tasks.Finish(ctx, id, token, raw); err != nil {
		return err
	}
	return s.cfg.Logs.Close(ctx, logOf(id))
}

// logOf is the log of a task, by the task's id alone: the one of a finished task
// is closed by whoever reports last.
func logOf(id string) string {
	run, rest, _ := strings.Cut(id, ".")
	n := max(strings.LastIndexByte(rest, '.'), 0)
	return runner.LogPrefix(run) + rest[:n] + "/" + strings.TrimPrefix(rest[n:], ".")
}

func token(c echo.Context) string { return c.Request().Header.Get(runner.TokenHeader) }

// holder is the step that the caller holds. One who has lost the lease, to
// another or for good, finds no such task.
func (s *Server) holder(c echo.Context) (runner.Step, error) {
	state, err := s.cfg.Tasks.Holder(c.Request().Context(), c.Param("id"), token(c))
	if errors.Is(err, api.ErrConflict) {
		err = fmt.Errorf("lease of task %s: %w", c.Param("id"), api.ErrNotFound)
	}
	if err != nil {
		return runner.Step{}, err
	}
	var step runner.Step
	if err := json.Unmarshal(state.Payload, &step); err != nil {
		return step, fmt.Errorf("read step of task %s: %w", state.ID, err)
	}
	return step, nil
}
