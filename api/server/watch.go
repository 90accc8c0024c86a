package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

const (
	// bookmarkEvery is how long a watch may be quiet while the store moves on.
	bookmarkEvery = time.Minute
	// blueprint annotates the bookmark after the initial events with an empty list.
	blueprint = "kubernetes.io/initial-events-list-blueprint"
)

// watch streams changes: what is there now, when the client asks for that, then
// every change after it, until the client's timeout or until it goes away.
func (s *Server) watch(r *request) error {
	o, err := listOptions(r.query, true)
	if err != nil {
		return err
	}
	if isWebSocket(r.http) {
		if err := mayConnect(r); err != nil {
			return err
		}
	}
	lost, err := s.resume(r, o)
	if err != nil {
		return err
	}
	opts, err := s.watchOptions(r, o)
	if err != nil {
		return err
	}
	infoOf(r.echo).streaming = true
	ctx, end := s.streams.begin(r.Context())
	defer end()
	ctx, leave := s.whileServed(ctx, r)
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, watchTimeout(o))
	defer cancel()
	initial, from, err := s.initial(r.Context(), r, o, opts)
	if err != nil {
		return err
	}
	s.metrics.watches.WithLabelValues(r.kind.Plural).Inc()
	defer s.metrics.watches.WithLabelValues(r.kind.Plural).Dec()
	w := &eventWriter{s: s, r: r, wire: s.wireOf(r, cancel)}
	defer func() { w.wire.close(cmp.Or(w.failed, stopped(ctx))) }()
	if lost != nil {
		return w.lose(lost)
	}
	if err := w.start(initial, from, o); err != nil {
		return nil // the client is gone
	}
	s.follow(ctx, w, from, opts)
	return nil
}

// resume has a browser that comes back go on after the last event that it saw. lost says that it
// can't: the id is none of ours, or of another life of the store.
func (s *Server) resume(r *request, o *internalversion.ListOptions) (lost, err error) {
	id := r.http.Header.Get("Last-Event-ID")
	if id == "" || r.form.media != mediaEvents {
		return nil, nil
	}
	o.ResourceVersion, o.ResourceVersionMatch, o.SendInitialEvents = id, "", nil
	revision, err := parseRevision(id)
	if err != nil || revision == 0 {
		o.ResourceVersion = ""
		return fmt.Errorf("Last-Event-ID %q: %w", id, api.ErrExpired), nil
	}
	now, err := s.cfg.Store.Revision(r.Context())
	if err != nil || revision <= now {
		return nil, err
	}
	return fmt.Errorf("Last-Event-ID %s of %s: %w", id, now, api.ErrExpired), nil
}

// stopped is errDrained when the server ended the stream by stopping.
func stopped(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errDrained) {
		return errDrained
	}
	return nil
}

// follow sends what changes. When it returns the stream is over.
func (s *Server) follow(ctx context.Context, w *eventWriter, from store.Revision, opts store.WatchOptions) {
	defer func() {
		if err := revoked(ctx); err != nil {
			_ = w.fail(err)
		}
	}()
	for event, err := range w.r.objects.Watch(ctx, w.r.kind.Key(), from, opts) {
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			_ = w.fail(err) // the stream ends here in any case
			return
		case event.Type == store.Bookmark:
			err = w.bookmark(event.Revision, nil)
		default:
			err = w.send(string(event.Type), event.Object, event.Revision)
		}
		if err == nil && !event.More {
			err = w.wire.flush()
		}
		if err != nil {
			return
		}
	}
}

func (s *Server) watchOptions(r *request, o *internalversion.ListOptions) (store.WatchOptions, error) {
	if r.target.name != "" { // by the old path
		o.FieldSelector = fields.AndSelectors(fields.OneTermEqualSelector("metadata.name", r.target.name), o.FieldSelector)
	}
	selected, err := fieldsOf(r.kind, o.FieldSelector)
	opts := store.WatchOptions{Namespace: r.target.namespace, Labels: o.LabelSelector, Fields: selected}
	if o.AllowWatchBookmarks || r.form.media == mediaEvents {
		opts.Progress = bookmarkEvery
		if t := watchTimeout(o) - 2*time.Second; t < opts.Progress && t > 0 {
			opts.Progress = t
		}
	}
	return opts, err
}

// watchTimeout is what the client asked for, or 30 to 60 minutes: so that all
// that came at once does not come back at once.
func watchTimeout(o *internalversion.ListOptions) time.Duration {
	if o.TimeoutSeconds != nil && *o.TimeoutSeconds > 0 {
		return time.Duration(*o.TimeoutSeconds) * time.Second
	}
	return 30*time.Minute + rand.N(30*time.Minute)
}

// initial tells where a watch starts: after the revision that the client has, or
// after the present state, which it is then sent as added.
func (s *Server) initial(ctx context.Context, r *request, o *internalversion.ListOptions, opts store.WatchOptions) ([]*api.Object, store.Revision, error) {
	revision, err := parseRevision(o.ResourceVersion)
	if err != nil {
		return nil, 0, err
	}
	asked := o.SendInitialEvents != nil
	if asked && !*o.SendInitialEvents && revision == 0 {
		revision, err = s.cfg.Store.Revision(ctx)
		return nil, revision, err
	}
	if revision > 0 && (!asked || !*o.SendInitialEvents) {
		return nil, revision, nil
	}
	list, err := r.objects.List(ctx, r.kind.Key(), store.ListOptions{
		Namespace: opts.Namespace, Labels: opts.Labels, Fields: opts.Fields,
		AtLeast: revision, Any: o.ResourceVersion == "0",
	})
	if err != nil {
		return nil, 0, err
	}
	if list.Items == nil {
		list.Items = []*api.Object{}
	}
	return list.Items, list.Revision, nil
}

// endOfInitial are the annotations of the bookmark after the initial events.
func (w *eventWriter) endOfInitial() (map[string]string, error) {
	kind, version := w.r.kind.ListKind, w.r.kind.APIVersion()
	if w.r.form.partial() {
		kind, version = asPartialList, "meta.k8s.io/"+w.r.form.version
	}
	head, err := listHead(kind, version, metav1.ListMeta{})
	if err != nil {
		return nil, err
	}
	return map[string]string{
		metav1.InitialEventsAnnotationKey: "true",
		blueprint:                         base64.StdEncoding.EncodeToString(append(head, "]}\n"...)),
	}, nil
}
