package schemas

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// Column is one column of a table, in the words of metav1.TableColumnDefinition.
type Column struct {
	Name, Type, Format, Description string
	Priority                        int32 // above 0: only in wide tables
}

type columnDefinition struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Format      string `json:"format"`
	Description string `json:"description"`
	Priority    int32  `json:"priority"`
	valueDefinition
}

type selectable struct {
	Label string `json:"x-powernode-label"`
	valueDefinition
}

// addColumns makes the columns: Name first and Age last, unless the definition
// has its own.
func (k *Kind) addColumns(at *field.Path, own []columnDefinition) (problems field.ErrorList) {
	ours := 0 // columns before those of the definition
	if !slices.ContainsFunc(own, func(c columnDefinition) bool { return c.Name == "Name" }) {
		name := columnDefinition{Name: "Name", Type: "string", Format: "name", Description: "Name of the object.", valueDefinition: valueDefinition{JSONPath: namePath}}
		own, ours = append([]columnDefinition{name}, own...), 1
	}
	if len(own) == 1 {
		own = append(own, columnDefinition{Name: "Age", Type: "date", Description: "Time since the object was created.", valueDefinition: valueDefinition{JSONPath: agePath}})
	}
	for i, c := range own {
		columnAt := at.Index(i - ours)
		if c.Name == "" {
			problems = append(problems, field.Required(columnAt.Child("name"), ""))
		}
		if !slices.Contains(columnTypes(), c.Type) {
			problems = append(problems, field.NotSupported(columnAt.Child("type"), c.Type, columnTypes()))
		}
		src, bad := c.source(columnAt)
		problems = append(problems, bad...)
		k.Columns = append(k.Columns, Column{c.Name, c.Type, c.Format, c.Description, c.Priority})
		k.cells = append(k.cells, src)
	}
	return problems
}

func columnTypes() []string { return []string{"boolean", "date", "integer", "number", "string"} }

// addFields makes the selectable fields.
func (k *Kind) addFields(at *field.Path, own []selectable) (problems field.ErrorList) {
	for i, f := range own {
		label := f.Label
		if label == "" {
			label = strings.TrimPrefix(f.JSONPath, ".")
		}
		if label == "" || slices.Contains(k.SelectableFields, label) {
			problems = append(problems, field.Duplicate(at.Index(i), label))
		}
		src, bad := f.source(at.Index(i))
		if bad == nil && f.Cell == nil {
			bad = checkSelectable(at.Index(i).Child("jsonPath"), k.Schema, f.JSONPath)
		}
		problems = append(problems, bad...)
		k.SelectableFields = append(k.SelectableFields, label)
		k.fields = append(k.fields, src)
	}
	return problems
}

// Cells are the values of the columns for obj, in their order: nil where there
// is none, of the column's type otherwise. A date is told as the time from then
// to now: "5m", or "in 5m" for one to come.
func (k *Kind) Cells(obj *api.Object, now time.Time) []any {
	v := view{object: obj}
	cells := make([]any, len(k.cells))
	for i, src := range k.cells {
		cells[i] = cell(k.Columns[i].Type, src(&v), now)
	}
	return cells
}

// FieldSet is what field selectors see of obj.
func (k *Kind) FieldSet(obj *api.Object) fields.Set {
	v := view{object: obj}
	set := fields.Set{"metadata.name": obj.Name, "metadata.namespace": obj.Namespace}
	for i, label := range k.SelectableFields {
		set[label] = plain(k.fields[i](&v))
	}
	return set
}

// FieldSelectable reports whether a field selector may name label.
func (k *Kind) FieldSelectable(label string) bool {
	return label == "metadata.name" || label == "metadata.namespace" || slices.Contains(k.SelectableFields, label)
}
