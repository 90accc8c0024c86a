package server

import (
	"fmt"
	"strings"
	"time"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"github.com/labstack/echo/v4"
	"google.golang.org/protobuf/proto"

	"github.com/powernode/powernode/schemas"
)

// openapiDocs are the OpenAPI v3 documents, by the path of their group version.
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

// The only form of OpenAPI v2 that clients read, as they ask for it and as it is answered: the
// first is no valid media type.
const (
	acceptOpenAPIv2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
	mediaOpenAPIv2  = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
)

// openapiV2 is a document that describes nothing: all is in v3. kubectl looks here when v3 does
// not know a kind, and only if it can read this goes on to say that there is no such kind.
func (s *Server) openapiV2(c echo.Context) error {
	if !strings.Contains(c.Request().Header.Get("Accept"), acceptOpenAPIv2) {
		return notAcceptable(acceptOpenAPIv2)
	}
	doc, err := proto.Marshal(&openapiv2.Document{
		Swagger: "2.0", Info: &openapiv2.Info{Title: "Powernode: see /openapi/v3", Version: "v1"}, Paths: &openapiv2.Paths{},
	})
	if err != nil {
		return fmt.Errorf("encode OpenAPI v2: %w", err)
	}
	return sendBytes(c, mediaOpenAPIv2, doc)
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
	for path, doc := range s.catalog().openapi {
		index.Paths[path] = openapiPath{"/openapi/v3/" + path + "?hash=" + digest(doc)}
	}
	return sendTagged(c, mediaJSON, index)
}

func (s *Server) openapiDocument(c echo.Context) error {
	doc, ok := s.catalog().openapi[strings.TrimPrefix(c.Request().URL.Path, "/openapi/v3/")]
	if !ok {
		return noSuchPath()
	}
	if c.QueryParam("hash") == digest(doc) {
		c.Response().Header().Set(echo.HeaderCacheControl, "public, immutable")
		c.Response().Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC1123))
	}
	return sendBytes(c, mediaJSON, doc)
}
