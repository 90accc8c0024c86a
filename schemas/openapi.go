package schemas

import (
	"encoding/json"
	"fmt"
)

// OpenAPI is the OpenAPI v3 document (JSON) of one group and version.
func OpenAPI(group, version string, kinds []*Kind) ([]byte, error) {
	raw, err := json.Marshal(map[string]any{"openapi": "3.0.0"})
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI document: %w", err)
	}
	return raw, nil
}
