package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// get answers with one object.
func (s *Server) get(r *request) error {
	if err := s.notOlder(r); err != nil {
		return err
	}
	obj, err := r.objects.Get(r.Context(), r.key())
	if err != nil {
		return err
	}
	return s.answer(r, http.StatusOK, obj)
}

// notOlder waits until the store has reached the resourceVersion that a get of
// one object asks for; a read of the store itself is never stale.
func (s *Server) notOlder(r *request) error {
	revision, err := parseRevision(r.query.Get("resourceVersion"))
	if err != nil || revision == 0 {
		return err
	}
	_, err = r.objects.List(r.Context(), r.kind.Key(), store.ListOptions{
		Namespace: r.target.namespace, AtLeast: revision, Limit: 1,
	})
	return err
}

// answer sends one object in the form that the client asked for.
func (s *Server) answer(r *request, code int, obj *api.Object) error {
	if r.secret != "" {
		return answerToken(r, code, obj)
	}
	if r.form.table() {
		return s.sendTable(r, code, metav1.ListMeta{ResourceVersion: obj.ResourceVersion}, []*api.Object{obj})
	}
	data, err := s.object(obj, r.form)
	if err != nil {
		return err
	}
	return respond(r.echo, r.form, code, data, []byte("\n"))
}

// list answers with the objects of a kind.
func (s *Server) list(r *request) error {
	o, err := listOptions(r.query, false)
	if err != nil {
		return err
	}
	opts, err := s.storeOptions(r.Context(), r, o)
	if err != nil {
		return err
	}
	page, err := s.page(r, opts)
	if err != nil {
		return err
	}
	if r.form.table() {
		return s.sendTable(r, http.StatusOK, r.listMeta(page), page.Items)
	}
	return s.sendList(r, r.listMeta(page), page.Items)
}

// listMeta tells the revision of a page, and where the next begins.
func (r *request) listMeta(page store.List) metav1.ListMeta {
	meta := metav1.ListMeta{ResourceVersion: page.Revision.String()}
	if page.Next != nil {
		meta.Continue = encodeContinue(r.listed(), *page.Next)
		if page.Remaining > 0 {
			meta.RemainingItemCount = &page.Remaining
		}
	}
	return meta
}

func (s *Server) page(r *request, opts store.ListOptions) (store.List, error) {
	page, err := r.objects.List(r.Context(), r.kind.Key(), opts)
	if errors.Is(err, api.ErrExpired) && opts.Continue.Name != "" {
		return page, expiredPage(r.listed(), opts.Continue)
	}
	return page, err
}

// sendList writes a list around the encoded items, which are shared.
func (s *Server) sendList(r *request, meta metav1.ListMeta, items []*api.Object) error {
	kind, version := r.kind.ListKind, r.kind.APIVersion()
	if r.form.partial() {
		kind, version = asPartialList, "meta.k8s.io/"+r.form.version
	}
	head, err := listHead(kind, version, meta)
	if err != nil {
		return err
	}
	pieces := make([][]byte, 0, 2*len(items)+2)
	pieces = append(pieces, head)
	for n, obj := range items {
		data, err := s.object(obj, r.form)
		if err != nil {
			return err
		}
		if n > 0 {
			pieces = append(pieces, []byte(","))
		}
		pieces = append(pieces, data)
	}
	return respond(r.echo, r.form, http.StatusOK, append(pieces, []byte("]}\n"))...)
}

// listHead is a list up to its first item.
func listHead(kind, version string, meta metav1.ListMeta) ([]byte, error) {
	raw, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	return fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":%s,"items":[`, kind, version, raw), nil
}
