package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// resume goes on from where the life has come to, for a few seconds.
func (f *Follower) resume(ctx context.Context) {
	q, header := url.Values{}, http.Header{}
	q.Set("resourceVersion", fmt.Sprint(f.life().to))
	if f.SSE { // a browser keeps its URL, and tells the last id beside it
		q.Set("resourceVersion", fmt.Sprint(f.life().listed))
		header.Set("Last-Event-ID", fmt.Sprint(f.life().to))
	}
	f.watch(ctx, q, header, f.follow)
}

// begin begins a new life with a watch that tells the present state first.
func (f *Follower) begin(ctx context.Context) {
	known, first := f.Record.acknowledged(), map[string]uint64{}
	q := url.Values{}
	q.Set("sendInitialEvents", "true")
	q.Set("resourceVersionMatch", string(metav1.ResourceVersionMatchNotOlderThan))
	f.watch(ctx, q, http.Header{}, func(node *Node, s *stream) {
		for {
			e, err := s.next()
			if err != nil {
				return // nothing was learned
			}
			switch {
			case e.Type == "ADDED":
				first[e.Object.Metadata.Name] = e.Object.sum()
				continue
			case e.Type == "ERROR":
				f.refused("watch", codeError(e.Object.Code))
				return
			case e.Type != "BOOKMARK" || e.Object.Metadata.Annotations[metav1.InitialEventsAnnotationKey] != "true":
				f.problem("%s of %s by %s in the initial state", e.Type, e.Object.Object, node.Name)
				return
			}
			r, err := revision(e.Object.Metadata.ResourceVersion)
			if err != nil {
				f.problem("the end of the initial state by %s: %v", node.Name, err)
				return
			}
			f.born(r, first, known)
			f.follow(node, s)
			return
		}
	})
}

// watch opens a watch that lasts a few seconds, and has it read.
func (f *Follower) watch(ctx context.Context, q url.Values, header http.Header, read func(*Node, *stream)) {
	node, seconds := f.node(), 3+f.Random.IntN(6)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+patience)
	defer cancel()
	for key, values := range f.Selection.query() {
		q[key] = values
	}
	q.Set("watch", "true")
	q.Set("allowWatchBookmarks", "true")
	q.Set("timeoutSeconds", fmt.Sprint(seconds))
	if f.SSE {
		header.Set("Accept", "text/event-stream")
	}
	resp, err := send(ctx, f.http, node, http.MethodGet, collection+"?"+q.Encode(), nil, header)
	if err != nil {
		return
	}
	if resp.StatusCode != http.StatusOK {
		f.refused("watch", statusError(resp))
		return
	}
	defer resp.Body.Close()
	f.watches++
	read(node, newStream(resp.Body, f.SSE))
}

// follow takes events until the stream is over.
func (f *Follower) follow(node *Node, s *stream) {
	for {
		e, err := s.next()
		if err != nil || !f.take(node, e) {
			return
		}
	}
}
