package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"sigs.k8s.io/yaml"
)

// gzipFrom is the size from which a body is worth compressing.
const gzipFrom = 128 << 10

// respond writes a body that lies in pieces, as JSON or YAML, compressed when it
// is large and the client can read that.
func respond(c echo.Context, f form, code int, pieces ...[]byte) error {
	if f.media == mediaYAML {
		converted, err := yaml.JSONToYAML(join(pieces))
		if err != nil {
			return fmt.Errorf("convert to YAML: %w", err)
		}
		pieces = [][]byte{converted}
	} else if pretty, err := strconv.ParseBool(c.QueryParam("pretty")); err == nil && pretty {
		var indented bytes.Buffer
		if err := json.Indent(&indented, join(pieces), "", "  "); err != nil {
			return fmt.Errorf("indent: %w", err)
		}
		pieces = [][]byte{indented.Bytes()}
	}
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, f.contentType())
	h.Add(echo.HeaderVary, "Accept, Accept-Encoding")
	h.Set(echo.HeaderCacheControl, "no-cache, private")
	out := &patient{c.Response(), http.NewResponseController(c.Response()), infoOf(c).stalled}
	defer out.end()
	if size < gzipFrom || !acceptsGzip(c.Request()) {
		h.Set(echo.HeaderContentLength, strconv.Itoa(size))
		c.Response().WriteHeader(code)
		return writeAll(out, pieces)
	}
	h.Set(echo.HeaderContentEncoding, "gzip")
	c.Response().WriteHeader(code)
	zip, _ := gzip.NewWriterLevel(out, gzip.BestSpeed) // the level is valid
	if err := writeAll(zip, pieces); err != nil {
		return err
	}
	return zip.Close()
}

func (f form) contentType() string {
	if f.as == "" {
		return f.media
	}
	return fmt.Sprintf("%s;as=%s;g=meta.k8s.io;v=%s", f.media, f.as, f.version)
}

func acceptsGzip(r *http.Request) bool {
	for entry := range strings.SplitSeq(r.Header.Get(echo.HeaderAcceptEncoding), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(entry), ";")
		if name == "gzip" && strings.ReplaceAll(params, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// patient writes to a client that reads, however slowly: one that takes nothing for
// the time of within is given up, with all that is held for it.
type patient struct {
	to      io.Writer
	control *http.ResponseController
	within  time.Duration
}

// patientPiece is what a client is to take within that time.
const patientPiece = 64 << 10

func (p *patient) Write(data []byte) (written int, err error) {
	for err == nil && written < len(data) {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.within)) // not every writer has one
		var n int
		n, err = p.to.Write(data[written:min(len(data), written+patientPiece)])
		written += n
	}
	return written, err
}

// end leaves the connection as it was found. What net/http still holds of the answer goes out before.
func (p *patient) end() {
	_ = p.control.Flush()
	_ = p.control.SetWriteDeadline(time.Time{})
}

func writeAll(w io.Writer, pieces [][]byte) error {
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func join(pieces [][]byte) []byte {
	var all []byte
	for _, p := range pieces {
		all = append(all, p...)
	}
	return all
}
