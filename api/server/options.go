package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// wantsWatch reports whether a GET of a list asks for changes: ?watch=1, or
// server-sent events.
func wantsWatch(r *http.Request) bool {
	if watch, err := strconv.ParseBool(r.URL.Query().Get("watch")); err == nil {
		return watch
	}
	f, err := negotiate(r.Header.Get("Accept"), true)
	return err == nil && f.media == mediaEvents
}

// listOptions reads and checks the query of a list or watch.
func listOptions(q url.Values, watch bool) (*internalversion.ListOptions, error) {
	o := &internalversion.ListOptions{
		Watch:                watch,
		ResourceVersion:      q.Get("resourceVersion"),
		ResourceVersionMatch: metav1.ResourceVersionMatch(q.Get("resourceVersionMatch")),
		Continue:             q.Get("continue"),
	}
	var err error
	if o.LabelSelector, err = labels.Parse(q.Get("labelSelector")); err != nil {
		return nil, badQuery("labelSelector", err)
	}
	if o.FieldSelector, err = fields.ParseSelector(q.Get("fieldSelector")); err != nil {
		return nil, badQuery("fieldSelector", err)
	}
	if err := listNumbers(q, o); err != nil {
		return nil, err
	}
	if problems := validation.ValidateListOptions(o, true); len(problems) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", problems)
	}
	if o.Continue != "" && o.ResourceVersion != "" && o.ResourceVersion != "0" {
		return nil, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
	}
	return o, nil
}

func listNumbers(q url.Values, o *internalversion.ListOptions) error {
	var err error
	if o.Limit, err = numberQuery(q, "limit", 0); err != nil {
		return err
	}
	if v := q.Get("timeoutSeconds"); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return badQuery("timeoutSeconds", errors.New("must be a whole number of at least 0"))
		}
		o.TimeoutSeconds = &n
	}
	if v := q.Get("allowWatchBookmarks"); v != "" {
		if o.AllowWatchBookmarks, err = strconv.ParseBool(v); err != nil {
			return badQuery("allowWatchBookmarks", err)
		}
	}
	if v := q.Get("sendInitialEvents"); v != "" {
		send, err := strconv.ParseBool(v)
		if err != nil {
			return badQuery("sendInitialEvents", err)
		}
		o.SendInitialEvents = &send
	}
	return nil
}

func badQuery(name string, err error) error {
	return apierrors.NewBadRequest(fmt.Sprintf("query parameter %s: %v", name, err))
}

// parseRevision reads a resourceVersion of a client; "" and "0" are 0.
func parseRevision(s string) (store.Revision, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("resourceVersion: Invalid value: %q: must be a number that the server gave out", s))
	}
	return store.Revision(n), nil
}

// fieldsOf checks that a kind can be selected by the fields named.
func fieldsOf(kind *schemas.Kind, selector fields.Selector) (store.Fields, error) {
	if selector == nil || selector.Empty() {
		return store.Fields{}, nil
	}
	for _, r := range selector.Requirements() {
		if !kind.FieldSelectable(r.Field) {
			return store.Fields{}, apierrors.NewBadRequest("field label not supported: " + r.Field)
		}
	}
	return store.Fields{Selector: selector, Values: kind.FieldSet}, nil
}

// storeOptions turns the query of a list into what the store is asked for: the
// table of resourceVersion rules.
func (s *Server) storeOptions(ctx context.Context, r *request, o *internalversion.ListOptions) (store.ListOptions, error) {
	selected, err := fieldsOf(r.kind, o.FieldSelector)
	if err != nil {
		return store.ListOptions{}, err
	}
	opts := store.ListOptions{Namespace: r.target.namespace, Labels: o.LabelSelector, Fields: selected, Limit: int(o.Limit)}
	revision, err := parseRevision(o.ResourceVersion)
	if err != nil {
		return store.ListOptions{}, err
	}
	switch {
	case o.Continue != "":
		opts.Continue, err = s.parseContinue(ctx, r.listed(), o.Continue)
	case o.ResourceVersion == "":
	case revision == 0:
		opts.Any = true
	case o.ResourceVersionMatch == metav1.ResourceVersionMatchExact,
		o.ResourceVersionMatch == "" && o.Limit > 0:
		opts.At = revision
	default:
		opts.AtLeast = revision
	}
	return opts, err
}

// boolQuery reads an optional flag of the query.
func boolQuery(r *request, name string) (*bool, error) {
	v := r.query.Get(name)
	if v == "" {
		return nil, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return nil, badQuery(name, errors.New("must be true or false"))
	}
	return &b, nil
}
