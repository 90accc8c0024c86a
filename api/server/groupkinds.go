package server

import (
	"fmt"
	"sync"

	"github.com/powernode/powernode/schemas"
)

// groupKinds are the kinds of one group version and what is derived from them: made when it is
// asked for first, and kept from catalog to catalog for as long as the kinds are the same.
type groupKinds struct {
	kinds   []*schemas.Kind
	openapi func() (taggedDocument, error)
}

// taggedDocument is a document with the hash by which clients may keep it.
type taggedDocument struct {
	body []byte
	hash string
}

func newGroupKinds(gv groupVersion, kinds []*schemas.Kind) *groupKinds {
	return &groupKinds{
		kinds: kinds,
		openapi: sync.OnceValues(func() (taggedDocument, error) {
			body, err := schemas.OpenAPI(gv.group, gv.version, kinds)
			if err != nil {
				return taggedDocument{}, fmt.Errorf("describe %s: %w", gv, err)
			}
			return taggedDocument{body, digest(body)}, nil
		}),
	}
}
