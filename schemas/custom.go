package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/api"
)

// DefinitionKind is the qualified kind of the objects that define kinds.
const DefinitionKind = "CustomResourceDefinition.apiextensions.k8s.io"

// approval is the annotation without which a group of Kubernetes' own is refused.
const approval = "api-approved.kubernetes.io"

// Kinds makes one kind of every version that a CustomResourceDefinition object
// serves, in the order of the versions. All are stored as the stored one. The
// object has passed ValidateDefinition; an error tells that it has not.
func Kinds(obj *api.Object) ([]*Kind, error) {
	d, err := objectDefinition(obj)
	if err != nil {
		return nil, err
	}
	problems := checkDefinition(d)
	var kinds []*Kind
	for i, v := range d.Spec.Versions {
		if len(problems) > 0 {
			break
		}
		if v.Served {
			var k *Kind
			k, problems = newKind(d, i)
			kinds = append(kinds, k)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("definition %q: %w", obj.Name, problems.ToAggregate())
	}
	return kinds, nil
}

// objectDefinition reads a definition out of an object. What the server does not
// know was pruned, or is of another version of it: it is passed over.
func objectDefinition(obj *api.Object) (*definition, error) {
	data, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode definition %q: %w", obj.Name, err)
	}
	d := &definition{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, d); err != nil {
		return nil, fmt.Errorf("read definition %q: %w", obj.Name, err)
	}
	return d, nil
}

// ValidateDefinition tells all that is wrong with a CustomResourceDefinition
// object, with the paths of its fields; old is nil for a create. A spec that
// does not change is not looked at again, so that a status can be written for
// one that an older server took.
func ValidateDefinition(obj, old *api.Object) field.ErrorList {
	d, err := objectDefinition(obj)
	if err != nil {
		return list(field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error()))
	}
	if old == nil {
		return d.validate()
	}
	before, err := objectDefinition(old)
	if err != nil {
		return list(field.InternalError(nil, err))
	}
	if api.SameJSON(obj.Spec, old.Spec) {
		return append(checkStoredVersions(d), checkStored(d)...)
	}
	return append(append(d.validate(), unchangedDefinition(d, before)...), checkStoredVersions(d)...)
}

// validate checks a definition by itself: every version, served or not.
func (d *definition) validate() field.ErrorList {
	problems := append(checkDefinition(d), checkGroup(d)...)
	if len(problems) > 0 {
		return problems
	}
	for i := range d.Spec.Versions {
		_, bad := newKind(d, i)
		problems = append(problems, bad...)
	}
	return problems
}

// checkGroup keeps users' kinds out of the groups that are not theirs.
func checkGroup(d *definition) (problems field.ErrorList) {
	at, group := field.NewPath("spec", "group"), d.Spec.Group
	switch {
	case group == "":
		return list(field.Required(at, "the core group is closed; use a domain such as example.com"))
	case !strings.Contains(group, "."):
		return list(field.Invalid(at, group, "must be a domain with at least one dot, such as example.com"))
	}
	protected := strings.HasSuffix(group, ".k8s.io") || strings.HasSuffix(group, ".kubernetes.io") || group == "k8s.io" || group == "kubernetes.io"
	if _, approved := d.Annotations[approval]; protected && !approved {
		at := field.NewPath("metadata", "annotations").Key(approval)
		problems = append(problems, field.Required(at, "groups of k8s.io and kubernetes.io are Kubernetes' own: name the approval of the API, or use a group of yours"))
	}
	return problems
}

// unchangedDefinition finds what may not change once objects can exist.
func unchangedDefinition(d, old *definition) (problems field.ErrorList) {
	spec := field.NewPath("spec")
	same := func(at *field.Path, now, before string) {
		if now != before {
			problems = append(problems, field.Invalid(at, now, "field is immutable"))
		}
	}
	same(spec.Child("group"), d.Spec.Group, old.Spec.Group)
	same(spec.Child("names", "plural"), d.Spec.Names.Plural, old.Spec.Names.Plural)
	if established(old) {
		same(spec.Child("scope"), d.Spec.Scope, old.Spec.Scope)
		same(spec.Child("names", "kind"), d.Spec.Names.Kind, old.Spec.Names.Kind)
	}
	return problems
}

func established(d *definition) bool {
	return slices.ContainsFunc(d.Status.Conditions, func(c map[string]any) bool {
		return c["type"] == "Established" && c["status"] == "True"
	})
}

// checkStoredVersions keeps the versions that objects may be stored in.
func checkStoredVersions(d *definition) (problems field.ErrorList) {
	at := field.NewPath("status", "storedVersions")
	for i, name := range d.Status.StoredVersions {
		if !slices.ContainsFunc(d.Spec.Versions, func(v version) bool { return v.Name == name }) {
			problems = append(problems, field.Invalid(at.Index(i), name,
				"must appear in spec.versions: objects may be stored in it until they were all written anew and it was removed from status.storedVersions"))
		}
	}
	return problems
}

// checkStored makes sure that a status does not forget the version that is written.
func checkStored(d *definition) (problems field.ErrorList) {
	at := field.NewPath("status", "storedVersions")
	if stored := d.storageVersion(); len(d.Status.StoredVersions) > 0 && stored != "" && !slices.Contains(d.Status.StoredVersions, stored) {
		problems = append(problems, field.Invalid(at, d.Status.StoredVersions, "must have the stored version "+stored))
	}
	return problems
}

// CompleteDefinition fills in, in place, the names of a definition's document
// that follow from its kind.
func CompleteDefinition(doc map[string]any) {
	spec, _ := doc["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	kind, _ := names["kind"].(string)
	if kind == "" {
		return
	}
	for name, value := range map[string]string{"singular": strings.ToLower(kind), "listKind": kind + "List"} {
		if names[name] == nil {
			names[name] = value
		}
	}
}
