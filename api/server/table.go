package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// table is a meta.k8s.io Table whose rows are encoded already.
type table struct {
	Kind              string                         `json:"kind"`
	APIVersion        string                         `json:"apiVersion"`
	Metadata          metav1.ListMeta                `json:"metadata"`
	ColumnDefinitions []metav1.TableColumnDefinition `json:"columnDefinitions"`
	Rows              []tableRow                     `json:"rows"`
}

type tableRow struct {
	Cells  []any           `json:"cells"`
	Object json.RawMessage `json:"object,omitempty"`
}

func newTable(f form, meta metav1.ListMeta, columns []metav1.TableColumnDefinition) *table {
	return &table{Kind: asTable, APIVersion: "meta.k8s.io/" + f.version, Metadata: meta, ColumnDefinitions: columns, Rows: []tableRow{}}
}

// row shows an object; what goes with the cells is the client's choice.
func (s *Server) row(kind *schemas.Kind, f form, obj *api.Object, now time.Time) (tableRow, error) {
	row := tableRow{Cells: kind.Cells(obj, now)}
	var err error
	switch f.include {
	case "Object":
		row.Object, err = s.object(obj, form{})
	case "Metadata":
		row.Object, err = s.object(obj, form{as: asPartial, version: f.version})
	}
	return row, err
}

// sendTable writes objects as a table, in pieces: of all rows at once there is only what goes out.
func (s *Server) sendTable(r *request, code int, meta metav1.ListMeta, items []*api.Object) error {
	head, err := json.Marshal(newTable(r.form, meta, columns(r.kind)))
	if err != nil {
		return fmt.Errorf("encode table: %w", err)
	}
	pieces := append(make([][]byte, 0, 3*len(items)+2), bytes.TrimSuffix(head, []byte("]}")))
	now := time.Now()
	for n, obj := range items {
		row, err := s.row(r.kind, r.form, obj, now)
		if err != nil {
			return err
		}
		if pieces, err = row.pieces(pieces, n > 0); err != nil {
			return err
		}
	}
	return respond(r.echo, r.form, code, append(pieces, []byte("]}\n"))...)
}

// pieces adds the encoded row to others; the object's bytes are shared.
func (row tableRow) pieces(to [][]byte, follows bool) ([][]byte, error) {
	cells, err := json.Marshal(row.Cells)
	if err != nil {
		return nil, fmt.Errorf("encode row: %w", err)
	}
	start := make([]byte, 0, len(cells)+24)
	if follows {
		start = append(start, ',')
	}
	start = append(append(start, `{"cells":`...), cells...)
	if row.Object == nil {
		return append(to, append(start, '}')), nil
	}
	return append(to, append(start, `,"object":`...), row.Object, []byte("}")), nil
}

// columns are a kind's columns as a table defines them.
func columns(kind *schemas.Kind) []metav1.TableColumnDefinition {
	var all []metav1.TableColumnDefinition
	for _, c := range kind.Columns {
		all = append(all, metav1.TableColumnDefinition{
			Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description, Priority: c.Priority,
		})
	}
	return all
}
