package server

import (
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/powernode/powernode/schemas"
)

// The form of OpenAPI v2 that clients read, as they ask for it and as it is answered: the
// first is no valid media type.
const (
	acceptOpenAPIv2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
	mediaOpenAPIv2  = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
)

// swagger is the OpenAPI v2 document of a catalog in both of its forms, each made when it is
// asked for first.
type swagger struct {
	protobuf, json func() ([]byte, error)
}

func newSwagger(kinds []*schemas.Kind) swagger {
	return swagger{
		protobuf: sync.OnceValues(func() ([]byte, error) { return schemas.OpenAPIv2(kinds) }),
		json:     sync.OnceValues(func() ([]byte, error) { return schemas.Swagger(kinds) }),
	}
}

// openapiV2 answers clients of before OpenAPI v3: kubectl up to 1.26 for all that it does,
// up to 1.28 to see what the server validates, and later ones when v3 does not know a kind.
func (s *Server) openapiV2(c echo.Context) error {
	doc, media := s.catalog().swagger.json, mediaJSON
	if strings.Contains(c.Request().Header.Get("Accept"), acceptOpenAPIv2) {
		doc, media = s.catalog().swagger.protobuf, mediaOpenAPIv2
	}
	body, err := doc()
	if err != nil {
		return err
	}
	return sendBytes(c, media, body)
}
