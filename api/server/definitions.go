package server

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/naming"
)

// established is the condition of a definition whose kind is served.
const established = "Established"

// definitions are the CustomResourceDefinitions of the store, and the kinds that they make.
// It is used by one goroutine.
type definitions struct {
	builtin []*schemas.Kind
	known   map[string]*definition // by name
}

// definition is one of them. What its document says is read once a generation, and once for a
// set of names.
type definition struct {
	obj        *api.Object
	asked      naming.Definition
	isServed   bool // Established, by its status
	uid        types.UID
	generation int64
	kinds      []*schemas.Kind // all served versions, by the names that it asks for
	problem    error           // why it makes no kinds

	names naming.Names
	named []*schemas.Kind // kinds, by the names that it has
}

// definitionDocument is the part of a definition that is read here; the rest is the schemas' business.
type definitionDocument struct {
	Spec struct {
		Group string       `json:"group"`
		Names naming.Names `json:"names"`
	} `json:"spec"`
	Status struct {
		AcceptedNames naming.Names       `json:"acceptedNames"`
		Conditions    []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

func readDefinition(obj *api.Object) (definitionDocument, error) {
	var doc definitionDocument
	if err := json.Unmarshal(obj.Spec, &doc.Spec); err != nil {
		return doc, fmt.Errorf("%s: spec: %w", obj.Key(), err)
	}
	if len(obj.Status) > 0 {
		if err := json.Unmarshal(obj.Status, &doc.Status); err != nil {
			return doc, fmt.Errorf("%s: status: %w", obj.Key(), err)
		}
	}
	return doc, nil
}

// set takes in a definition that is new or has changed.
func (d *definitions) set(obj *api.Object) {
	was := d.known[obj.Name]
	next := &definition{obj: obj, uid: obj.UID, generation: obj.Generation}
	d.known[obj.Name] = next
	doc, err := readDefinition(obj)
	if err != nil {
		next.problem = err
		return
	}
	next.asked = naming.Definition{
		Name: obj.Name, Group: doc.Spec.Group, Revision: obj.ResourceVersion,
		Wanted: doc.Spec.Names, Accepted: doc.Status.AcceptedNames,
	}
	next.isServed = slices.ContainsFunc(doc.Status.Conditions, func(c metav1.Condition) bool {
		return c.Type == established && c.Status == metav1.ConditionTrue
	})
	if was != nil && was.uid == next.uid && was.generation == next.generation {
		next.kinds, next.problem, next.names, next.named = was.kinds, was.problem, was.names, was.named
		return
	}
	if reserved(d.builtin, doc.Spec.Group) {
		return
	}
	next.kinds, next.problem = kindsOf(obj)
}

func (d *definitions) remove(name string) { delete(d.known, name) }

// kindsOf are the kinds that a definition makes, one a served version.
func kindsOf(obj *api.Object) ([]*schemas.Kind, error) {
	kinds, err := schemas.Kinds(obj)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.Stored != k.Key() {
			return nil, fmt.Errorf("%s: x-powernode-stored is for the program's own kinds", obj.Name)
		}
	}
	return kinds, nil
}

// catalog makes the catalog of the program's kinds and those of the definitions. A definition that
// makes no kinds, or has not its names, takes nothing from the others.
func (d *definitions) catalog(before *catalog) (*catalog, error) {
	asked := make([]naming.Definition, 0, len(d.known))
	for _, def := range d.known {
		if def.asked.Name != "" && !reserved(d.builtin, def.asked.Group) {
			asked = append(asked, def.asked)
		}
	}
	verdicts := naming.Judge(asked)
	kinds, of := slices.Clone(d.builtin), map[*schemas.Kind]custom{}
	for name, def := range d.known {
		verdict, ok := verdicts[name]
		if !ok || verdict.Names.Plural == "" || verdict.Names.Kind == "" || !def.isServed && !verdict.Accepted() {
			continue
		}
		for _, k := range def.by(verdict.Names) {
			kinds = append(kinds, k)
			of[k] = custom{terminating: def.obj.DeletionTimestamp != nil, uid: def.uid}
		}
	}
	c, err := newCatalog(kinds, before)
	if err != nil {
		return nil, err
	}
	c.custom = of
	return c, nil
}

// by are the kinds with the names that the definition has: the same ones while they stay the same.
func (def *definition) by(names naming.Names) []*schemas.Kind {
	if def.named != nil && sameNames(def.names, names) {
		return def.named
	}
	def.names, def.named = names, nil
	for _, k := range def.kinds {
		named := *k
		named.Singular, named.ShortNames, named.Categories, named.ListKind = names.Singular, names.ShortNames, names.Categories, names.ListKind
		def.named = append(def.named, &named)
	}
	return def.named
}

func sameNames(a, b naming.Names) bool {
	return a.Plural == b.Plural && a.Singular == b.Singular && a.Kind == b.Kind && a.ListKind == b.ListKind &&
		slices.Equal(a.ShortNames, b.ShortNames) && slices.Equal(a.Categories, b.Categories)
}
