// Package customresourcedefinition is the controller of CustomResourceDefinitions: it says whether a
// kind has its names, is served, and in which versions objects of it may be stored; and it
// removes the objects before their definition goes.
//
// It serves nothing: the server (api/server) follows the definitions by itself, by the same rules
// (schemas/naming), and refuses new objects of a kind whose definition is being deleted.
package customresourcedefinition

import (
	"encoding/json"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas/naming"
)

// Spec is as much of a definition as is needed here; Document is all of it.
type Spec struct {
	Document json.RawMessage `json:"-"`
	Group    string          `json:"group"`
	Names    naming.Names    `json:"names"`
	Versions []Version       `json:"versions"`
}

// Version is one version of the kind's format.
type Version struct {
	Name    string `json:"name"`
	Storage bool   `json:"storage"`
}

// UnmarshalJSON keeps the document too.
func (s *Spec) UnmarshalJSON(data []byte) error {
	type plain Spec
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	s.Document = append(json.RawMessage(nil), data...)
	return nil
}

// storage is the version in which objects are written; "" when there is none.
func (s Spec) storage() string {
	for _, v := range s.Versions {
		if v.Storage {
			return v.Name
		}
	}
	return ""
}

// qualified is the kind of the objects, as the store knows it.
func (s Spec) qualified() string { return api.KindOf(s.Group+"/v", s.Names.Kind) }

// Status says what became of the kind.
type Status struct {
	api.CommonStatus `json:",inline"`
	AcceptedNames    naming.Names `json:"acceptedNames,omitzero"`
	StoredVersions   []string     `json:"storedVersions,omitempty"`
}
