package server

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
)

const (
	// generatedName is the longest base of a generated name, whose suffix has 5 letters.
	generatedName = 58
	// nameTries is how often a generated name may clash.
	nameTries = 8
)

// create stores a new object.
func (s *Server) create(r *request) error {
	if err := invalidOptions("CreateOptions", validation.ValidateCreateOptions(&metav1.CreateOptions{
		DryRun: r.query["dryRun"], FieldManager: r.query.Get("fieldManager"), FieldValidation: r.query.Get("fieldValidation"),
	})); err != nil {
		return err
	}
	doc, err := s.document(r)
	if err != nil {
		return err
	}
	created, err := s.createObject(r, doc)
	if err != nil {
		return err
	}
	return s.answer(r, http.StatusCreated, created)
}

// createObject stores the object that a document asks for.
func (s *Server) createObject(r *request, doc document) (*api.Object, error) {
	if r.kind.StatusSubresource {
		delete(doc.fields, "status")
	}
	if meta, ok := doc.fields["metadata"].(map[string]any); ok { // what the client can't set it does not own
		delete(meta, "deletionTimestamp")
		delete(meta, "deletionGracePeriodSeconds")
	}
	obj, _, err := r.object(doc, nil)
	if err != nil {
		return nil, err
	}
	if err := s.prepareCreate(r, obj); err != nil {
		return nil, err
	}
	if err := s.track(r, nil, obj, nil, doc); err != nil {
		return nil, err
	}
	return s.createNamed(r, obj)
}

// prepareCreate puts the object where the path says and clears what the server sets.
func (s *Server) prepareCreate(r *request, obj *api.Object) error {
	if obj.ResourceVersion != "" {
		return apierrors.NewBadRequest("resourceVersion should not be set on objects to be created")
	}
	if err := r.place(obj); err != nil {
		return err
	}
	obj.UID, obj.CreationTimestamp, obj.Generation = "", metav1.Time{}, 0
	obj.DeletionTimestamp, obj.DeletionGracePeriodSeconds = nil, nil
	if err := begin(r.kind, obj); err != nil {
		return err
	}
	return s.namespaceTakes(r, obj)
}

// place takes the namespace from the path; a body that names another is wrong.
func (r *request) place(obj *api.Object) error {
	if !r.kind.Namespaced {
		return nil // metadata validation refuses a namespace, with the path
	}
	if obj.Namespace == "" {
		obj.Namespace = r.target.namespace
	}
	if obj.Namespace != r.target.namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object (%s) does not match the namespace sent on the request (%s)", obj.Namespace, r.target.namespace))
	}
	return nil
}

// namespaceTakes makes sure that the namespace is there and stays.
func (s *Server) namespaceTakes(r *request, obj *api.Object) error {
	if !r.kind.Namespaced {
		return nil
	}
	ns, err := s.cfg.Store.Get(r.Context(), api.Key{Kind: kindNamespace, Name: r.target.namespace})
	switch {
	case errors.Is(err, api.ErrNotFound):
		return apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, r.target.namespace)
	case err != nil:
		return err
	case ns.DeletionTimestamp == nil:
		return nil
	}
	refused := apierrors.NewForbidden(r.groupResource(), obj.Name,
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", ns.Name))
	refused.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type:    "NamespaceTerminating",
		Message: fmt.Sprintf("namespace %s is being terminated", ns.Name),
		Field:   "metadata.namespace",
	}}
	return refused
}

// createNamed stores the object, under a generated name when it has none.
func (s *Server) createNamed(r *request, obj *api.Object) (*api.Object, error) {
	generate := obj.Name == "" && obj.GenerateName != ""
	for try := 1; ; try++ {
		if generate {
			base := obj.GenerateName
			if len(base) > generatedName {
				base = base[:generatedName]
			}
			obj.Name = base + rand.String(5)
		}
		infoOf(r.echo).target.name = obj.Name
		stored, err := s.admitCreate(r, obj)
		if generate && try < nameTries && errors.Is(err, api.ErrExists) {
			continue
		}
		return stored, err
	}
}

func (s *Server) admitCreate(r *request, obj *api.Object) (*api.Object, error) {
	admitted := obj.Clone() // a kind's admission may change it, and may be asked again
	if err := s.admit(r.Context(), r, nil, admitted, true); err != nil {
		return nil, err
	}
	if r.kind.Key() == v1.Token {
		return s.createToken(r, admitted)
	}
	return r.objects.Create(r.Context(), admitted, r.writing()...)
}

// writing are the options of every write of the request.
func (r *request) writing() []store.WriteOption {
	opts := []store.WriteOption{store.By(r.user.Name)}
	if len(r.query["dryRun"]) > 0 {
		opts = append(opts, store.DryRun())
	}
	return opts
}

// invalidOptions is nil when there are no problems.
func invalidOptions(kind string, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: kind}, "", problems)
}
