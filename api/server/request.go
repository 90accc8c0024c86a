package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// request is a resource request that was understood: what is asked of which kind.
type request struct {
	echo echo.Context
	http *http.Request
	kind *schemas.Kind
	// objects are those of the kind, as they are served; see convert.go.
	objects objects
	fields  *fieldManagers // of the kind
	custom  custom         // the zero value for kinds of the program
	target  target
	verb    string
	form    form
	query   url.Values
	user    User
	// secret is what was made for the client, to be shown once; see tokens.go.
	secret string
}

// Context ends when the client goes away.
func (r *request) Context() context.Context { return r.http.Context() }

// key names the object of the request.
func (r *request) key() api.Key {
	return api.Key{Kind: r.kind.Key(), Namespace: r.target.namespace, Name: r.target.name}
}

func (r *request) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.kind.Group, Resource: r.kind.Plural}
}

func (r *request) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: r.kind.Group, Kind: r.kind.Kind}
}

// resource is the handler of everything below /api/VERSION and /apis/GROUP/VERSION.
func (s *Server) resource(c echo.Context) error {
	i := infoOf(c)
	t, ok := parsePath(c.Request().URL.Path)
	if !ok {
		return noSuchPath()
	}
	i.target = t
	if t.resource == "" {
		return s.resourceList(c, t)
	}
	if v, ok := findVirtual(t); ok {
		return s.review(c, v)
	}
	served, kind, err := s.find(c.Request().Context(), t)
	if err != nil {
		return err
	}
	i.verb, i.resource = verbOf(c.Request(), t), kind.Plural
	r := &request{echo: c, http: c.Request(), kind: kind, objects: s.objectsOf(served, kind), fields: served.fields[kind], custom: served.custom[kind], target: t, verb: i.verb, query: c.Request().URL.Query(), user: i.user}
	r.warn(nil)
	return s.serve(r)
}

// find is the kind that a path names, in the catalog that the request goes on with. Before the
// definitions of kinds were read, nothing is known not to be there.
func (s *Server) find(ctx context.Context, t target) (*catalog, *schemas.Kind, error) {
	served := s.catalog()
	kind, ok := served.find(t.group, t.version, t.resource)
	if !ok && served.revision < 0 {
		if err := s.settle(ctx, 0); err != nil {
			return nil, nil, err
		}
		served = s.catalog()
		kind, ok = served.find(t.group, t.version, t.resource)
	}
	if !ok || (t.namespace != "" && !kind.Namespaced) || (t.namespace == "" && kind.Namespaced && t.name != "") {
		return nil, nil, noSuchPath()
	}
	return served, kind, nil
}

// serve hands an understood request to the handler of its verb.
func (s *Server) serve(r *request) error {
	if sub, ok := s.cfg.Subresources[r.kind.Key()][r.target.subresource]; ok && r.target.subresource != "" {
		return s.subresource(r, sub)
	}
	verbs, ok := s.verbs(r)
	if !ok {
		return noSuchPath()
	}
	handle, ok := verbs[r.verb]
	if !ok {
		return apierrors.NewMethodNotSupported(r.groupResource(), r.http.Method)
	}
	var err error
	if r.form, err = s.negotiated(r); err != nil {
		return err
	}
	return handle(r)
}

// verbs are what can be done with a collection, an object or what is below it; false
// when the path names nothing.
func (s *Server) verbs(r *request) (map[string]func(*request) error, bool) {
	switch {
	case r.target.rest != "", r.target.watching && r.target.subresource != "":
		return nil, false
	case r.target.watching:
		return map[string]func(*request) error{"watch": s.watch}, true
	case r.target.subresource != "":
		sub, ok := s.subresources(r.kind)[r.target.subresource]
		return sub.verbs, ok
	case r.target.name != "":
		return map[string]func(*request) error{"get": s.get, "update": s.update, "patch": s.patch, "delete": s.delete}, true
	case r.kind.Namespaced && r.target.namespace == "":
		return map[string]func(*request) error{"list": s.list, "watch": s.watch}, true
	}
	verbs := map[string]func(*request) error{"list": s.list, "watch": s.watch, "create": s.create}
	if collectable(r.kind) {
		verbs["deletecollection"] = s.deleteCollection
	}
	return verbs, true
}

// negotiated is the form of the answer.
func (s *Server) negotiated(r *request) (form, error) {
	f, err := negotiate(r.http.Header.Get("Accept"), r.verb == "list" || r.verb == "watch")
	switch {
	case err != nil:
		return f, notAcceptable(r.http, mediaJSON, mediaYAML, mediaEvents)
	case r.verb == "watch" && f.media == mediaYAML:
		return f, notAcceptable(r.http, mediaJSON, mediaEvents)
	case r.verb == "list" && f.media == mediaEvents: // with watch=false
		return f, notAcceptable(r.http, mediaJSON, mediaYAML)
	case !f.table():
		return f, nil
	}
	switch f.include = r.query.Get("includeObject"); f.include {
	case "":
		f.include = "Metadata"
	case "None", "Metadata", "Object":
	default:
		return f, apierrors.NewBadRequest(`query parameter includeObject: must be one of: "None", "Metadata", "Object"`)
	}
	return f, nil
}

// subresource reads the object and lets the kind answer for what lies below it.
// The answer may last; it ends when the server drains.
func (s *Server) subresource(r *request, sub api.Subresource) error {
	if r.verb != "get" {
		return apierrors.NewMethodNotSupported(r.groupResource(), r.http.Method)
	}
	obj, err := r.objects.Get(r.Context(), r.key())
	if err != nil {
		return err
	}
	infoOf(r.echo).streaming = true
	ctx, end := s.streams.begin(r.Context())
	defer end()
	return belowObject(sub(r.echo.Response(), r.http.WithContext(ctx), obj, r.target.rest))
}

// belowObject keeps what a subresource says it has not: the object itself is there.
func belowObject(err error) error {
	if !errors.Is(err, api.ErrNotFound) {
		return err
	}
	missing := noSuchPath()
	missing.ErrStatus.Message = err.Error()
	return missing
}
