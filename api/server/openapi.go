package server

import (
	"fmt"
	"strings"
	"time"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"github.com/labstack/echo/v4"
	"google.golang.org/protobuf/proto"
)

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

// openapiIndex lists the documents, each with a hash by which it may be kept for ever. A group
// version that can't be described takes no other with it.
func (s *Server) openapiIndex(c echo.Context) error {
	index := openapiPaths{map[string]openapiPath{}}
	for gv, kinds := range s.catalog().groups {
		doc, err := kinds.openapi()
		if err != nil {
			s.cfg.Log.Error("OpenAPI", "request_id", infoOf(c).requestID, "error", err.Error())
			continue
		}
		index.Paths[gv.path()] = openapiPath{"/openapi/v3/" + gv.path() + "?hash=" + doc.hash}
	}
	return sendTagged(c, mediaJSON, index)
}

func (s *Server) openapiDocument(c echo.Context) error {
	path := strings.TrimPrefix(c.Request().URL.Path, "/openapi/v3/")
	for gv, kinds := range s.catalog().groups {
		if gv.path() != path {
			continue
		}
		doc, err := kinds.openapi()
		if err != nil {
			return err
		}
		if c.QueryParam("hash") == doc.hash {
			c.Response().Header().Set(echo.HeaderCacheControl, "public, immutable")
			c.Response().Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC1123))
		}
		return sendBytes(c, mediaJSON, doc.body)
	}
	return noSuchPath()
}
