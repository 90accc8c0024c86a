package schemas

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// definition is a CustomResourceDefinition of apiextensions.k8s.io/v1.
type definition struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              definitionSpec   `json:"spec"`
	Status            definitionStatus `json:"status"`
}

// definitionStatus is what the server says of a definition, as far as it binds
// the next one.
type definitionStatus struct {
	StoredVersions []string         `json:"storedVersions"`
	Conditions     []map[string]any `json:"conditions"`
	AcceptedNames  any              `json:"acceptedNames"`
	Observed       any              `json:"observedGeneration"`
}

type definitionSpec struct {
	Group                 string      `json:"group"`
	Names                 names       `json:"names"`
	Scope                 string      `json:"scope"`
	Versions              []version   `json:"versions"`
	Conversion            *conversion `json:"conversion"`
	PreserveUnknownFields bool        `json:"preserveUnknownFields"`

	Stored    storedAs `json:"x-powernode-stored"`
	NameRules string   `json:"x-powernode-names"`
}

// storedAs says under which kind objects are stored that are served as another.
type storedAs struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

type names struct {
	Plural     string   `json:"plural"`
	Singular   string   `json:"singular"`
	Kind       string   `json:"kind"`
	ListKind   string   `json:"listKind"`
	ShortNames []string `json:"shortNames"`
	Categories []string `json:"categories"`
}

type conversion struct {
	Strategy string `json:"strategy"`
	Webhook  any    `json:"webhook"`
}

type version struct {
	Name       string  `json:"name"`
	Served     bool    `json:"served"`
	Storage    bool    `json:"storage"`
	Deprecated bool    `json:"deprecated"`
	Warning    *string `json:"deprecationWarning"`
	Schema     struct {
		OpenAPIV3Schema any `json:"openAPIV3Schema"`
	} `json:"schema"`
	Subresources struct {
		Status *struct{} `json:"status"`
		Scale  *Scale    `json:"scale"`
	} `json:"subresources"`
	Columns          []columnDefinition `json:"additionalPrinterColumns"`
	SelectableFields []selectable       `json:"selectableFields"`
}

// Scale says where the scale subresource finds its numbers, as JSONPaths.
type Scale struct {
	SpecReplicasPath   string `json:"specReplicasPath"`
	StatusReplicasPath string `json:"statusReplicasPath"`
	LabelSelectorPath  string `json:"labelSelectorPath,omitempty"`
}

// Parse reads one CustomResourceDefinition, YAML or JSON, and makes a kind of
// the version that is both served and stored. The error tells every problem
// with its path in the document.
func Parse(doc []byte) (*Kind, error) {
	d, err := readDefinition(doc)
	if err != nil {
		return nil, err
	}
	k, problems := d.stored()
	if len(problems) > 0 {
		return nil, fmt.Errorf("definition %q: %w", d.Name, problems.ToAggregate())
	}
	return k, nil
}

// readDefinition reads a document strictly.
func readDefinition(doc []byte) (*definition, error) {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	d := &definition{}
	strict, err := kjson.UnmarshalStrict(data, d)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if len(strict) > 0 {
		return nil, fmt.Errorf("definition %q: %w", d.Name, errors.Join(strict...))
	}
	return d, nil
}

// stored is the kind of the stored version.
func (d *definition) stored() (*Kind, field.ErrorList) {
	if problems := checkDefinition(d); len(problems) > 0 {
		return nil, problems
	}
	i := slices.IndexFunc(d.Spec.Versions, func(v version) bool { return v.Storage })
	if !d.Spec.Versions[i].Served {
		at := field.NewPath("spec", "versions").Index(i).Child("served")
		return nil, list(field.Invalid(at, false, "the stored version must be served"))
	}
	return newKind(d, i)
}
