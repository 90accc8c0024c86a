package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/api"
)

// view is an object as JSONPaths see it; only the parts that are asked for are decoded.
type view struct {
	object *api.Object
	doc    map[string]any
	item   bool // doc is all there is: a part of an object
}

// part makes sure that a top-level field of the document is decoded.
func (v *view) part(name string) {
	if _, done := v.doc[name]; done || v.item {
		return
	}
	if v.doc == nil {
		v.doc = map[string]any{}
	}
	switch name {
	case "apiVersion":
		v.doc[name] = v.object.APIVersion
	case "kind":
		v.doc[name] = v.object.Kind
	case "metadata":
		meta, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v.object.ObjectMeta)
		if err == nil {
			v.doc[name] = meta
		}
	case "spec":
		v.decode(name, v.object.Spec)
	case "status":
		v.decode(name, v.object.Status)
	default:
		v.decode(name, v.object.Rest[name])
	}
}

// decode reads one part. What can't be read is shown as absent: a table must
// not fail for one object.
func (v *view) decode(name string, raw json.RawMessage) {
	var value any
	if len(raw) > 0 && kjson.UnmarshalCaseSensitivePreserveInts(raw, &value) == nil {
		v.doc[name] = value
	}
}

// cell renders a value as a column of a type does; nil for none, or one of another type.
func cell(columnType string, value any, now time.Time) any {
	switch value := value.(type) {
	case nil:
		return nil
	case int64:
		switch columnType {
		case "integer":
			return value
		case "number":
			return float64(value)
		}
	case float64:
		switch columnType {
		case "integer":
			return int64(value)
		case "number":
			return value
		}
	case bool:
		if columnType == "boolean" {
			return value
		}
	case string:
		if columnType == "date" {
			return age(value, now)
		}
	}
	if columnType != "string" {
		return nil
	}
	return plain(value)
}

// age is the time between a time stamp and now, as kubectl shows it.
func age(stamp string, now time.Time) any {
	t, err := time.Parse(time.RFC3339, stamp)
	switch {
	case err != nil:
		return "<invalid>"
	case t.IsZero():
		return nil
	case t.Sub(now) > time.Second:
		return "in " + duration.HumanDuration(t.Sub(now))
	}
	return duration.HumanDuration(now.Sub(t))
}

// plain is a value in a line of text: lists with commas, objects as JSON.
func plain(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = plain(item)
		}
		return strings.Join(items, ",")
	case map[string]any:
		raw, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		return string(raw)
	}
	return fmt.Sprint(value)
}
