package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// subHistory is the subresource with the generations of an object's spec.
const subHistory = "history"

// changeCause is the annotation by which an owner says why a change was made.
const changeCause = "kubernetes.io/change-cause"

// history is the document of the subresource: what the owner wanted, generation by generation.
type history struct {
	metav1.TypeMeta
	Metadata historyMeta  `json:"metadata"`
	Items    []generation `json:"items"`
}

type historyMeta struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	UID       string `json:"uid"`
	// Continue and RemainingItemCount are those of a list: there is more than the limit asked for.
	Continue           string `json:"continue,omitempty"`
	RemainingItemCount int    `json:"remainingItemCount,omitempty"`
}

// generation is one item of a history. Object is there when the client asked for it.
type generation struct {
	Generation      int64            `json:"generation"`
	ResourceVersion string           `json:"resourceVersion"`
	At              metav1.MicroTime `json:"at"`
	By              string           `json:"by,omitempty"`
	Current         bool             `json:"current,omitempty"`
	ChangeCause     string           `json:"changeCause,omitempty"`
	Object          json.RawMessage  `json:"object,omitempty"`
}

// hasHistory reports whether generations of the kind are kept: of what has a spec.
func hasHistory(k *schemas.Kind) bool {
	return k.Schema.Properties["spec"] != nil || k.Schema.PreserveUnknownFields
}

// history answers with the list of generations, oldest first; with ?generation=N or ?at=TIME
// with the object as its owner wanted it then. The list is paged by limit and continue. Status is not part of either: it is not kept.
// What was deleted can still be read, with a warning, until the name is taken again.
func (s *Server) history(r *request) error {
	pick, err := historyQuery(r)
	if err != nil {
		return err
	}
	versions, err := r.objects.History(r.Context(), r.key())
	if err != nil {
		return err
	}
	live, err := r.objects.Get(r.Context(), r.key())
	if err != nil && !errors.Is(err, api.ErrNotFound) {
		return err
	}
	if live != nil && live.UID != versions[0].Object.UID {
		return api.ErrNotFound // replaced by an object without a spec, or between the two reads
	}
	if live == nil {
		if err := s.sameNamespace(r, versions); err != nil {
			return err
		}
		r.warn([]string{fmt.Sprintf("%s %q is deleted: this is what it was", r.kind.Plural, r.target.name)})
	}
	if pick == nil {
		return s.sendHistory(r, versions, live != nil)
	}
	chosen, err := pick(versions)
	if err != nil {
		return err
	}
	return s.answer(r, http.StatusOK, r.past(*chosen))
}

// sameNamespace is nil when what is deleted was in the namespace that has the name now: one that was made
// later under the same name may be somebody else's.
func (s *Server) sameNamespace(r *request, versions []store.Version) error {
	if !r.kind.Namespaced {
		return nil
	}
	namespace, err := s.cfg.Store.History(r.Context(), api.Key{Kind: kindNamespace, Name: r.target.namespace})
	switch {
	case errors.Is(err, api.ErrNotFound): // one without a spec: it is there since before there were any
		return nil
	case err != nil:
		return err
	case versions[len(versions)-1].Revision < namespace[0].Revision:
		return api.ErrNotFound
	}
	return nil
}

// past is the object of a version as the API shows it.
func (r *request) past(v store.Version) *api.Object {
	obj := v.Object.Clone()
	obj.Status = nil
	return obj
}

func (s *Server) sendHistory(r *request, versions []store.Version, alive bool) error {
	whole, err := r.wantsObjects()
	if err != nil {
		return err
	}
	first, last := versions[0].Object, versions[len(versions)-1].Generation
	page, next, left, err := historyPage(r, versions)
	if err != nil {
		return err
	}
	doc := history{
		TypeMeta: metav1.TypeMeta{Kind: "History", APIVersion: api.APIVersion},
		Metadata: historyMeta{Name: first.Name, Namespace: first.Namespace, UID: string(first.UID), Continue: next, RemainingItemCount: left},
		Items:    make([]generation, 0, len(page)),
	}
	for _, v := range page {
		g := generation{
			Generation: v.Generation, ResourceVersion: v.Revision.String(), At: metav1.NewMicroTime(v.At.UTC()), By: v.By,
			Current: alive && v.Generation == last, ChangeCause: v.Object.Annotations[changeCause],
		}
		if whole {
			if g.Object, err = json.Marshal(r.past(v)); err != nil {
				return fmt.Errorf("encode generation %d of %s: %w", v.Generation, r.key(), err)
			}
		}
		doc.Items = append(doc.Items, g)
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode history of %s: %w", r.key(), err)
	}
	return respond(r.echo, form{media: r.form.media}, http.StatusOK, body, []byte("\n"))
}

// wantsObjects reads includeObject, which means here what it means for a table.
func (r *request) wantsObjects() (bool, error) {
	switch r.query.Get("includeObject") {
	case "", "None":
		return false, nil
	case "Object":
		return true, nil
	}
	return false, badQuery("includeObject", errors.New(`must be "None" or "Object"`))
}
