package server

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// reserved groups are served from the program, whatever the store says: our own, the core
// group and those of Kubernetes' kinds that are served.
func reserved(builtin []*schemas.Kind, group string) bool {
	return group == "" || group == api.Group ||
		slices.ContainsFunc(builtin, func(k *schemas.Kind) bool { return k.Group == group }) ||
		slices.ContainsFunc(virtuals(), func(v virtual) bool { return v.group == group })
}

// admitDefinition checks what is written of a definition, its status included; old is nil for a create.
func (s *Server) admitDefinition(r *request, old, obj *api.Object) error {
	if r.kind.Key() != schemas.DefinitionKind {
		return nil
	}
	if old != nil {
		if err := s.keepDefinition(r, old); err != nil {
			return err
		}
	}
	problems := schemas.ValidateDefinition(obj, old)
	if doc, err := readDefinition(obj); err == nil && old == nil && reserved(s.cfg.Kinds, doc.Spec.Group) {
		problems = append(problems, field.Forbidden(field.NewPath("spec", "group"),
			fmt.Sprintf("the kinds of %q are a part of the server; use a group of your own, such as example.com", doc.Spec.Group)))
	}
	if len(problems) > 0 {
		return apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	return nil
}

// keepsDefinition is keepDefinition for one who knows its name only.
func (s *Server) keepsDefinition(r *request, key api.Key) error {
	if key.Kind != schemas.DefinitionKind {
		return nil
	}
	live, err := r.objects.Get(r.Context(), key)
	if err != nil {
		return err
	}
	return s.keepDefinition(r, live)
}

// keepDefinition refuses to change or delete the definition of a kind of the program.
func (s *Server) keepDefinition(r *request, live *api.Object) error {
	doc, err := readDefinition(live)
	if err != nil || !reserved(s.cfg.Kinds, doc.Spec.Group) {
		return nil
	}
	return apierrors.NewForbidden(r.groupResource(), live.Name,
		fmt.Errorf("the kind %s is a part of the server: its definition comes with it and can't be changed or deleted", doc.Spec.Names.Kind))
}
