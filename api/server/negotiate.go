package server

import (
	"errors"
	"mime"
	"slices"
	"strconv"
	"strings"
)

const (
	mediaJSON   = "application/json"
	mediaYAML   = "application/yaml"
	mediaProto  = "application/vnd.kubernetes.protobuf"
	mediaEvents = "text/event-stream"

	asTable       = "Table"
	asPartial     = "PartialObjectMetadata"
	asPartialList = "PartialObjectMetadataList"
)

// form is how a client wants objects to look. It is comparable: encoded objects
// are shared by it.
type form struct {
	media   string // mediaJSON, mediaYAML or mediaEvents
	as      string // "" for the object itself, or one of the as constants
	version string // of meta.k8s.io, for as: v1 or v1beta1
	include string // of a Table: Metadata, Object or None
}

func (f form) table() bool   { return f.as == asTable }
func (f form) partial() bool { return f.as == asPartial || f.as == asPartialList }

// errNoForm: the client accepts nothing that we can give.
var errNoForm = errors.New("no form that is accepted")

// accepted is one entry of an Accept header.
type accepted struct {
	media  string
	params map[string]string
	q      float64
}

// parseAccept orders the entries of an Accept header by preference. Entries that
// can't be read are left out; an absent header accepts anything.
func parseAccept(header string) []accepted {
	if strings.TrimSpace(header) == "" {
		header = "*/*"
	}
	var list []accepted
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		a := accepted{media: media, params: params, q: 1}
		if q, ok := params["q"]; ok {
			if a.q, err = strconv.ParseFloat(q, 64); err != nil || a.q <= 0 {
				continue
			}
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b accepted) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return list
}

// negotiate picks the first form of the Accept header that we can give. list tells
// whether the answer is a list or a watch, which alone may be a stream of events.
func negotiate(header string, list bool) (form, error) {
	for _, a := range parseAccept(header) {
		f := form{as: a.params["as"], version: a.params["v"]}
		switch a.media {
		case mediaJSON, "*/*", "application/*":
			f.media = mediaJSON
		case mediaYAML:
			f.media = mediaYAML
		case mediaEvents, "text/*":
			if f.media = mediaEvents; !list || a.media == "text/*" {
				continue
			}
		default:
			continue
		}
		if f.possible(a.params["g"], list) {
			return f, nil
		}
	}
	return form{}, errNoForm
}

// possible checks the as parameters of a form.
func (f form) possible(group string, list bool) bool {
	switch f.as {
	case "":
		return true
	case asTable, asPartial:
	case asPartialList:
		if !list {
			return false
		}
	default:
		return false
	}
	return group == "meta.k8s.io" && (f.version == "v1" || f.version == "v1beta1")
}
