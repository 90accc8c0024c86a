package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// sendTagged answers with a document that clients cache, or with 304 when the
// client has it already.
func sendTagged(c echo.Context, contentType string, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode discovery: %w", err)
	}
	return sendBytes(c, contentType, body)
}

func sendBytes(c echo.Context, contentType string, body []byte) error {
	tag := strconv.Quote(digest(body))
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Add(echo.HeaderVary, "Accept")
	if h.Get(echo.HeaderCacheControl) == "" {
		h.Set(echo.HeaderCacheControl, "public")
	}
	if matches(c.Request().Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, contentType, body)
}

// digest names a content: the hash of an OpenAPI document, the tag of an answer.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
