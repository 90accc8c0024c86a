package server_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A definition with a rule about spec and status, and one about a change.
const ruled = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"pools.example.com"},"spec":{
"group":"example.com","scope":"Cluster","names":{"kind":"Pool","plural":"pools"},"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-validations":[{"rule":"!has(self.status) || self.spec.size >= self.status.used","message":"more is used"}],
"properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"},"zone":{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf","message":"pools do not move","reason":"FieldValueForbidden"}]}}},
"status":{"type":"object","properties":{"used":{"type":"integer"}}}}}}}]}}`

func TestRulesAreAboutTheWholeObject(t *testing.T) {
	h := start(t)
	h.want(h.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", ruled), 201)
	const path = "/apis/example.com/v1/pools"
	h.want(h.post(path, `{"metadata":{"name":"p"},"spec":{"size":3,"zone":"a"}}`), 201)
	h.want(h.merge(path+"/p/status", `{"status":{"used":2}}`), 200)
	h.refused(h.merge(path+"/p", `{"spec":{"size":1}}`), 422, metav1.StatusReasonInvalid, "more is used")
	h.refused(h.merge(path+"/p/status", `{"status":{"used":4}}`), 422, metav1.StatusReasonInvalid, "more is used")
	h.want(h.merge(path+"/p", `{"spec":{"size":2}}`), 200)
	refused := h.refused(h.merge(path+"/p", `{"spec":{"zone":"b"}}`), 422, metav1.StatusReasonInvalid, "pools do not move")
	if c := refused.Details.Causes; len(c) != 1 || c[0].Field != "spec.zone" || string(c[0].Type) != "FieldValueForbidden" {
		t.Errorf("causes %+v", c)
	}
}

func TestAWrongRuleIsRefusedWithItsPath(t *testing.T) {
	h := start(t)
	doc := strings.Replace(ruled, "self == oldSelf", "self == oldSelf.a", 1)
	refused := h.refused(h.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", doc), 422, metav1.StatusReasonInvalid, "compilation failed")
	const want = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[zone].x-kubernetes-validations[0].rule"
	if c := refused.Details.Causes; len(c) != 1 || c[0].Field != want {
		t.Errorf("causes %+v", c)
	}
}
