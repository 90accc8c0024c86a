package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// update replaces an object, or its status.
func (s *Server) update(r *request) error {
	if err := r.checkUpdateOptions(); err != nil {
		return err
	}
	doc, err := s.document(r)
	if err != nil {
		return err
	}
	if name := nameOf(doc.fields); name != r.target.name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, r.target.name))
	}
	stored, err := s.retry(r.Context(), r, func(live *api.Object) (document, error) {
		return doc.clone(), s.checkVersion(r, doc.fields)
	})
	if err != nil {
		return err
	}
	return s.answer(r, http.StatusOK, stored)
}

func (r *request) checkUpdateOptions() error {
	return invalidOptions("UpdateOptions", validation.ValidateUpdateOptions(&metav1.UpdateOptions{
		DryRun: r.query["dryRun"], FieldManager: r.query.Get("fieldManager"), FieldValidation: r.query.Get("fieldValidation"),
	}))
}

// checkVersion refuses a blind replacement where somebody's work could be lost by it.
func (s *Server) checkVersion(r *request, doc map[string]any) error {
	meta, _ := doc["metadata"].(map[string]any)
	if version, _ := meta["resourceVersion"].(string); version != "" || s.mayReplaceBlindly(r) {
		return nil
	}
	return apierrors.NewInvalid(r.groupKind(), r.target.name, field.ErrorList{
		field.Invalid(field.NewPath("metadata", "resourceVersion"), uint64(0), "must be specified for an update"),
	})
}

// mayReplaceBlindly: the kinds that Kubernetes itself has allow it, but for those that
// are locks, or that others complete.
func (s *Server) mayReplaceBlindly(r *request) bool {
	switch r.kind.Kind {
	case "Lease", "ServiceAccount", "CustomResourceDefinition":
		return false
	}
	return s.typed.knows(r.gvk())
}

// writeTries is how often a write that names no resourceVersion is tried.
const writeTries = 5

// retry makes the wanted document from the live object and stores it, again when
// someone else was faster. A document that names a resourceVersion conflicts instead.
func (s *Server) retry(ctx context.Context, r *request, want func(live *api.Object) (document, error)) (*api.Object, error) {
	for try := 1; ; try++ {
		live, err := r.objects.Get(ctx, r.key())
		if err != nil {
			return nil, err
		}
		doc, err := want(live)
		if err != nil {
			return nil, err
		}
		stored, err := s.replace(ctx, r, live, doc)
		if errors.Is(err, errStale) || !errors.Is(err, api.ErrConflict) || try == writeTries {
			return stored, err
		}
	}
}
