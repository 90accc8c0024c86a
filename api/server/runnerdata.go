package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// maxBlob is the largest artifact or workspace snapshot.
const maxBlob = 2 << 30

// appendLog adds to the log of the step that the caller holds. 409 tells where
// the log ends, when that is not where the caller thinks.
func (s *Server) appendLog(c echo.Context) error {
	offset, err := strconv.ParseInt(c.QueryParam("offset"), 10, 64)
	if err != nil || offset < 0 {
		return apierrors.NewBadRequest("query parameter offset: must be the number of bytes sent so far")
	}
	step, err := s.holder(c)
	if err != nil {
		return err
	}
	data, err := readBody(c, maxBody)
	if err != nil {
		return err
	}
	end, err := s.cfg.Logs.Append(c.Request().Context(), runner.LogStream(step.RunUID, step.Name, step.Attempt), offset, data)
	switch {
	case errors.Is(err, api.ErrConflict):
		return c.JSON(http.StatusConflict, runner.LogEnd{Offset: end})
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, runner.LogEnd{Offset: end})
}

// putBlob keeps a content for the run of the step that the caller holds.
func (s *Server) putBlob(c echo.Context) error {
	infoOf(c).streaming = true
	step, err := s.holder(c)
	if err != nil {
		return err
	}
	if c.Request().ContentLength > maxBlob {
		return blobTooLarge()
	}
	sum, size, err := s.cfg.Blobs.Put(c.Request().Context(), step.RunUID, &limited{r: c.Request().Body, left: maxBlob})
	if err != nil {
		return fmt.Errorf("keep a content of run %s: %w", step.Run, err)
	}
	return c.JSON(http.StatusCreated, runner.Blob{SHA256: sum, Size: size})
}

func blobTooLarge() error {
	return fmt.Errorf("%w: the limit is %d bytes", errTooLarge, int64(maxBlob))
}

// limited fails, and does not just end, when there is more than there may be.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, blobTooLarge()
	}
	return n, err
}

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// getBlob gives the step's holder a content of its run.
func (s *Server) getBlob(c echo.Context) error {
	infoOf(c).streaming = true
	sum := c.Param("sha256")
	if !sha256Form.MatchString(sum) {
		return apierrors.NewBadRequest("a content is named by its SHA-256 in lower-case hexadecimal")
	}
	step, err := s.holder(c)
	if err != nil {
		return err
	}
	content, size, err := s.cfg.Blobs.Open(c.Request().Context(), step.RunUID, sum)
	if err != nil {
		return fmt.Errorf("content %s of run %s: %w", sum, step.Run, err)
	}
	defer content.Close()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	c.Response().WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Response(), content)
	return err
}
