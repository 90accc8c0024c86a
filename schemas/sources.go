package schemas

import (
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/util/jsonpath"

	"github.com/powernode/powernode/api"
)

// The paths that nearly every table has; they need no decoding.
const (
	namePath = ".metadata.name"
	agePath  = ".metadata.creationTimestamp"
)

// source takes one value out of an object; nil when there is none.
type source func(*view) any

// valueDefinition says where a value comes from: a JSONPath or a cell rule.
type valueDefinition struct {
	JSONPath string    `json:"jsonPath"`
	Cell     *cellRule `json:"x-powernode-cell"`
}

// cellRule is how a value is made that one JSONPath can't express; see the
// package comment. Exactly one of First, Count and Join is set.
type cellRule struct {
	First     []string   `json:"first"`
	Count     []string   `json:"count"`
	Join      [][]string `json:"join"`
	Separator string     `json:"separator"`
	Lower     bool       `json:"lower"`
	Otherwise any        `json:"otherwise"`
	In        string     `json:"in"` // Join is of each of these items
}

func (d valueDefinition) source(at *field.Path) (source, field.ErrorList) {
	if d.Cell == nil {
		return pathSource(at.Child("jsonPath"), d.JSONPath)
	}
	at = at.Child("x-powernode-cell")
	rules := 0
	for _, set := range []bool{d.Cell.First != nil, d.Cell.Count != nil, d.Cell.Join != nil} {
		if set {
			rules++
		}
	}
	if rules != 1 || d.JSONPath != "" {
		return nil, list(field.Invalid(at, field.OmitValueType{}, "exactly one of first, count and join must be set, and no jsonPath"))
	}
	return d.Cell.source(at)
}

func (r *cellRule) source(at *field.Path) (source, field.ErrorList) {
	var src source
	var problems field.ErrorList
	switch {
	case r.First != nil:
		src, problems = firstSource(at.Child("first"), r.First)
	case r.Count != nil:
		src, problems = countSource(at.Child("count"), r.Count)
	default:
		src, problems = r.joinSource(at.Child("join"))
	}
	if r.In != "" {
		items, bad := pathSource(at.Child("in"), r.In)
		src, problems = eachSource(items, src), append(problems, bad...)
	}
	if r.Otherwise == nil || problems != nil {
		return src, problems
	}
	return func(v *view) any {
		if value := src(v); value != nil {
			return value
		}
		return r.Otherwise
	}, nil
}

// pathSource evaluates one JSONPath: nil for no result, a list for several.
func pathSource(at *field.Path, path string) (source, field.ErrorList) {
	switch path {
	case namePath:
		return func(v *view) any { return v.object.Name }, nil
	case agePath:
		return func(v *view) any {
			if v.object.CreationTimestamp.IsZero() {
				return nil
			}
			return v.object.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z")
		}, nil
	}
	j, top, err := parsePath(path)
	if err != nil {
		return nil, list(field.Invalid(at, path, err.Error()))
	}
	return func(v *view) any {
		v.part(top)
		results, err := j.FindResults(v.doc)
		if err != nil || len(results) == 0 || len(results[0]) == 0 {
			return nil
		}
		values := make([]any, len(results[0]))
		for i, result := range results[0] {
			values[i] = result.Interface()
		}
		if len(values) == 1 {
			return values[0]
		}
		return values
	}, nil
}

// parsePath reads a JSONPath and tells the field that it begins with. It takes
// no ranges: evaluating one changes the parsed path, which many share.
func parsePath(path string) (j *jsonpath.JSONPath, top string, err error) {
	if !strings.HasPrefix(path, ".") {
		return nil, "", errors.New("must be a JSONPath such as .spec.type")
	}
	tree, err := jsonpath.Parse(path, "{"+path+"}")
	if err != nil {
		return nil, "", err
	}
	if len(tree.Root.Nodes) != 1 {
		return nil, "", errors.New("must be one JSONPath")
	}
	if top = topField(tree.Root.Nodes[0]); top == "" {
		return nil, "", errors.New("must begin with a field's name")
	}
	j = jsonpath.New(path).AllowMissingKeys(true)
	return j, top, j.Parse("{" + path + "}")
}

// topField is the name of the field that a path begins with.
func topField(n jsonpath.Node) string {
	nodes, ok := n.(*jsonpath.ListNode)
	if !ok || len(nodes.Nodes) == 0 {
		return ""
	}
	top, ok := nodes.Nodes[0].(*jsonpath.FieldNode)
	if !ok {
		return ""
	}
	return top.Value
}

func pathSources(at *field.Path, paths []string) (sources []source, problems field.ErrorList) {
	for i, path := range paths {
		src, bad := pathSource(at.Index(i), path)
		sources = append(sources, src)
		problems = append(problems, bad...)
	}
	return sources, problems
}

// firstSource is the first value that says something: not empty and not 0.
func firstSource(at *field.Path, paths []string) (source, field.ErrorList) {
	sources, problems := pathSources(at, paths)
	return func(v *view) any {
		for _, src := range sources {
			if value := src(v); value != nil && value != "" && value != int64(0) {
				return value
			}
		}
		return nil
	}, problems
}

func countSource(at *field.Path, paths []string) (source, field.ErrorList) {
	sources, problems := pathSources(at, paths)
	return func(v *view) any {
		n := 0
		for _, src := range sources {
			n += size(src(v))
		}
		return int64(n)
	}, problems
}

func (r *cellRule) joinSource(at *field.Path) (source, field.ErrorList) {
	var sources []source
	var problems field.ErrorList
	for i, paths := range r.Join {
		src, bad := firstSource(at.Index(i), paths)
		sources = append(sources, src)
		problems = append(problems, bad...)
	}
	return func(v *view) any {
		var words []string
		for _, src := range sources {
			words = append(words, plain(src(v)))
		}
		text := strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), r.Separator)
		switch {
		case text == "":
			return nil
		case r.Lower:
			return strings.ToLower(text)
		}
		return text
	}, problems
}

// eachSource is one word of each item, with commas between.
func eachSource(items, word source) source {
	return func(v *view) any {
		var words []string
		found := items(v)
		list, ok := found.([]any)
		if !ok && found != nil {
			list = []any{found}
		}
		for _, item := range list {
			doc, _ := item.(map[string]any)
			if text := plain(word(&view{object: &api.Object{}, doc: doc, item: true})); text != "" {
				words = append(words, text)
			}
		}
		if len(words) == 0 {
			return nil
		}
		return strings.Join(words, ", ")
	}
}
