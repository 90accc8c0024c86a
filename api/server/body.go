package server

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// maxBody is the largest body of a resource request.
	maxBody = 3 << 20
	// drainBody is how much more is read, and dropped, of a body that is too
	// large: a client that is still sending would not see the answer.
	drainBody = 16 << 20
)

// readWithin is how long a client may take to send a body.
const readWithin = time.Minute

// readBody reads a whole body of at most max bytes.
func readBody(c echo.Context, max int64) ([]byte, error) {
	control := http.NewResponseController(c.Response())
	_ = control.SetReadDeadline(time.Now().Add(readWithin)) // not every connection has one
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	r := c.Request()
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("read body: %v", err))
	}
	if int64(len(body)) > max {
		_, _ = io.CopyN(io.Discard, r.Body, drainBody) // as far as it goes
		return nil, fmt.Errorf("%w: the limit is %d bytes", errTooLarge, max)
	}
	return body, nil
}

// mediaType is the Content-Type without parameters; JSON when there is none.
func mediaType(r *http.Request) string {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return mediaJSON
	}
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return header
	}
	return media
}

// jsonBody reads the body of a write as JSON, whatever form it came in. repeated tells
// what a YAML body says twice, which can't be seen in the JSON.
func (s *Server) jsonBody(c echo.Context, gvk schema.GroupVersionKind) (data []byte, repeated []string, err error) {
	body, err := readBody(c, maxBody)
	if err != nil {
		return nil, nil, err
	}
	switch media := mediaType(c.Request()); {
	case media == mediaJSON:
		return body, nil, nil
	case media == mediaYAML:
		return yamlJSON(body)
	case media == mediaProto && s.typed.knows(gvk):
		data, err = s.typed.json(body, gvk)
		return data, nil, err
	case s.typed.knows(gvk):
		return nil, nil, unsupportedMedia(c.Request(), mediaJSON, mediaYAML, mediaProto)
	}
	return nil, nil, unsupportedMedia(c.Request(), mediaJSON, mediaYAML)
}
