package server_test

import (
	"strings"
	"testing"
)

// gadgetsFile defines a kind in two versions, with all that a definition can say.
const gadgetsFile = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.example.org
spec:
  group: example.org
  scope: Namespaced
  names: {plural: gadgets, kind: Gadget, shortNames: [gd], categories: [all, tools]}
  versions:
    - name: v1beta1
      served: true
      storage: false
      deprecated: true
      schema: &schema
        openAPIV3Schema:
          description: A Gadget does things.
          type: object
          properties:
            spec:
              description: What it should do.
              type: object
              required: [size]
              properties:
                size: {description: How large it is., type: integer, minimum: 1, maximum: 100}
                colour: {description: Its colour., type: string, default: red}
                replicas: {description: How many there are., type: integer, default: 1}
              x-kubernetes-validations:
                - {rule: "self.colour != 'blue' || self.size > 5", message: blue ones are larger than 5}
            status:
              type: object
              properties:
                phase: {type: string}
                replicas: {type: integer}
                selector: {type: string}
      subresources: {status: {}}
    - name: v1
      served: true
      storage: true
      schema: *schema
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
      selectableFields: [{jsonPath: .spec.colour}]
      additionalPrinterColumns:
        - {name: Size, type: integer, jsonPath: .spec.size}
        - {name: Phase, type: string, jsonPath: .status.phase}
`

const gadgetFile = `apiVersion: example.org/v1
kind: Gadget
metadata: {name: one, labels: {tier: front}}
spec: {size: 3}
`

// wholeKubectl is kubectl with a server that has the controllers of definitions and namespaces.
func wholeKubectl(t *testing.T) *kubectl {
	k := startKubectl(t)
	k.manage()
	return k
}

func TestKubectlLivesWithAUsersKind(t *testing.T) {
	k := wholeKubectl(t)
	k.file("gadgets.yaml", gadgetsFile)
	k.file("gadget.yaml", gadgetFile)
	k.run(args("apply -f gadgets.yaml"), "customresourcedefinition.apiextensions.k8s.io/gadgets.example.org created")
	k.run(args("wait --for=condition=Established crd/gadgets.example.org --timeout=30s"), "condition met")
	k.run(args("apply -f gadgets.yaml"), "unchanged")
	k.run(args("get crd"), "gadgets.example.org")
	k.run(args("api-resources --api-group=example.org -o wide"), "gadgets", "gd", "example.org/v1", "Gadget", "all,tools")
	k.run(args("api-versions"), "example.org/v1\nexample.org/v1beta1")
	k.run(args("explain gadget.spec"), "What it should do.", "How large it is.", "-required-")
	k.run(args("explain gd --api-version=example.org/v1beta1"), "VERSION:    v1beta1")

	k.run(args("apply -f gadget.yaml"), "gadget.example.org/one created")
	k.run(args("apply -f gadget.yaml"), "unchanged")
	k.run(args("get gd"), "NAME   SIZE   PHASE", "one    3")
	k.run([]string{"get", "gd", "one", "-o", "jsonpath={.spec.colour}"}, "red")
	k.run(args("get tools -l tier=front"), "one    3")
	k.run(args("get gd -l tier=back"), "No resources found")
	k.run(args("get gd --field-selector spec.colour=red"), "one")
	k.run(args("get gd --field-selector spec.colour=green"), "No resources found")
	k.fails(args("get gd --field-selector spec.size=3"), "field label not supported")
	k.run(args("describe gd one"), "Name:         one", "Colour:")
	k.run(args("scale gd one --replicas=4"), "scaled")
	k.run([]string{"get", "gd", "one", "-o", "jsonpath={.spec.replicas}"}, "4")
	k.run([]string{"patch", "gd", "one", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Up"}}`}, "patched")
	k.run(args("get gd one"), "Up")
	k.run(args("wait --for=jsonpath={.status.phase}=Up gd/one --timeout=30s"), "condition met")
	k.fails([]string{"patch", "gd", "one", "--type=merge", "-p", `{"spec":{"size":0}}`}, "spec.size")
	k.fails([]string{"patch", "gd", "one", "--type=merge", "-p", `{"spec":{"colour":"blue"}}`}, "blue ones are larger than 5")
	k.run(args("apply --server-side --force-conflicts -f gadget.yaml"), "serverside-applied")
	k.run(args("get gadgets.v1beta1.example.org one"), "Warning: example.org/v1beta1 Gadget is deprecated; use example.org/v1 Gadget", "one")
	k.run([]string{"get", "gadgets.v1beta1.example.org", "one", "-o", "jsonpath={.apiVersion}"}, "example.org/v1beta1")
	if kind := k.all("Gadget.example.org"); len(kind) != 1 {
		t.Errorf("stored: %v", kind)
	}

	watch := k.background("get", "gd", "-w")
	eventually(t, "the watch", func() bool { return strings.Contains(watch.String(), "one") })
	k.file("gadgets.yaml", strings.Replace(gadgetsFile, "        - {name: Phase, type: string, jsonPath: .status.phase}\n",
		"        - {name: Colour, type: string, jsonPath: .spec.colour}\n", 1))
	k.run(args("apply -f gadgets.yaml"), "configured")
	k.run(args("get gd"), "NAME   SIZE   COLOUR", "one    3      red")
	k.run([]string{"patch", "gd", "one", "--type=merge", "-p", `{"spec":{"size":33}}`}, "patched")
	eventually(t, "the watch that goes on", func() bool { return strings.Contains(watch.String(), "33") })
	k.fails([]string{"patch", "crd", "gadgets.example.org", "--type=merge", "-p", `{"spec":{"scope":"Cluster"}}`}, "spec.scope: Invalid value: \"Cluster\": field is immutable")

	k.run(args("delete -f gadgets.yaml --timeout=30s"), `"gadgets.example.org" deleted`)
	k.fails(args("get gadgets"), "the server could not find the requested resource")
	if left := k.all("Gadget.example.org"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestKubectlEmptiesANamespaceOfUsersKinds(t *testing.T) {
	k := wholeKubectl(t)
	k.file("gadgets.yaml", gadgetsFile)
	k.file("gadget.yaml", gadgetFile)
	k.run(args("apply -f gadgets.yaml"), "created")
	k.run(args("create namespace team"), "created")
	k.run([]string{"get", "ns", "team", "-o", "jsonpath={.spec.finalizers} {.status.phase}"}, `["kubernetes"] Active`)
	k.run(args("apply -n team -f gadget.yaml"), "created")
	k.run(args("create configmap c -n team"), "created")
	k.run(args("delete namespace team --timeout=30s"), `namespace "team" deleted`)
	for _, kind := range []string{"Gadget.example.org", "ConfigMap"} {
		if left := k.all(kind); len(left) != 0 {
			t.Errorf("%s left: %v", kind, left)
		}
	}
	k.fails(args("get ns team"), "not found")
}

func TestKubectlHearsOfAConflictOfNames(t *testing.T) {
	k := wholeKubectl(t)
	k.file("gadgets.yaml", gadgetsFile)
	k.run(args("apply -f gadgets.yaml"), "created")
	k.file("others.yaml", strings.NewReplacer("plural: gadgets, kind: Gadget", "plural: others, kind: Other", "name: gadgets.", "name: others.").Replace(gadgetsFile))
	k.run(args("apply -f others.yaml"), "created")
	k.run(args("wait --for=condition=NamesAccepted=False crd/others.example.org --timeout=30s"), "condition met")
	k.run([]string{"get", "crd", "others.example.org", "-o", `jsonpath={.status.conditions[?(@.type=="NamesAccepted")].message}`}, `"gd" is already in use`)
	k.fails(args("get others.example.org"), "the server doesn't have a resource type")
	k.run(args("delete crd gadgets.example.org"), "deleted")
	k.run(args("wait --for=condition=Established crd/others.example.org --timeout=30s"), "condition met")
	k.run(args("get others"), "No resources found")
}
