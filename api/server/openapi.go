package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

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
			c.Response().Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(http.TimeFormat))
		}
		return sendBytes(c, mediaJSON, doc.body)
	}
	return noSuchPath()
}
