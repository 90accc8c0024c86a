package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/powernode/powernode/schemas"
)

// openapiDocs are the OpenAPI v3 documents, by the path of their group version.
// There is no v2: it is a protobuf that only old clients ask for, and they take
// a 404 better than anything they can't read.
type openapiDocs map[string][]byte

func newOpenAPI(c *catalog) (openapiDocs, error) {
	docs := openapiDocs{}
	for _, gv := range c.groupVersions() {
		doc, err := schemas.OpenAPI(gv.group, gv.version, c.group(gv.group, gv.version))
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", gv, err)
		}
		docs[gv.path()] = doc
	}
	return docs, nil
}

type openapiPaths struct {
	Paths map[string]openapiPath `json:"paths"`
}

type openapiPath struct {
	ServerRelativeURL string `json:"serverRelativeURL"`
}

// openapiIndex lists the documents, each with a hash by which it may be kept for ever.
func (s *Server) openapiIndex(c echo.Context) error {
	index := openapiPaths{map[string]openapiPath{}}
	for path, doc := range s.openapi {
		index.Paths[path] = openapiPath{"/openapi/v3/" + path + "?hash=" + digest(doc)}
	}
	return sendTagged(c, mediaJSON, index)
}

func (s *Server) openapiDocument(c echo.Context) error {
	doc, ok := s.openapi[strings.TrimPrefix(c.Request().URL.Path, "/openapi/v3/")]
	if !ok {
		return noSuchPath()
	}
	if c.QueryParam("hash") == digest(doc) {
		c.Response().Header().Set(echo.HeaderCacheControl, "public, immutable")
		c.Response().Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC1123))
	}
	return sendBytes(c, mediaJSON, doc)
}
