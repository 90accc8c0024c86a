package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	webAppKind   = schema.GroupVersionKind{Group: "demo.example.com", Version: "v1alpha1", Kind: "WebApp"}
	instanceKind = schema.GroupVersionKind{Group: "powernode.io", Version: "v1", Kind: "ContainerInstance"}
)

// WebApp is some copies of one container; see crd.yaml.
type WebApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WebAppSpec   `json:"spec"`
	Status            WebAppStatus `json:"status,omitzero"`
}

// WebAppSpec is what its owner wants.
type WebAppSpec struct {
	Image    string   `json:"image"`
	Args     []string `json:"args,omitempty"`
	Host     string   `json:"host"`
	Replicas int      `json:"replicas"`
}

// WebAppStatus is what the operator found.
type WebAppStatus struct {
	Replicas           int                `json:"replicas"`
	ReadyReplicas      int                `json:"readyReplicas"`
	Selector           string             `json:"selector,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// WebAppList is a list of them.
type WebAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WebApp `json:"items"`
}

// DeepCopyObject implements runtime.Object.
func (w *WebApp) DeepCopyObject() runtime.Object { return w.deepCopy() }

func (w *WebApp) deepCopy() *WebApp {
	c := *w
	w.ObjectMeta.DeepCopyInto(&c.ObjectMeta)
	c.Spec.Args = append([]string(nil), w.Spec.Args...)
	c.Status.Conditions = append([]metav1.Condition(nil), w.Status.Conditions...)
	return &c
}

// DeepCopyObject implements runtime.Object.
func (l *WebAppList) DeepCopyObject() runtime.Object {
	c := *l
	l.ListMeta.DeepCopyInto(&c.ListMeta)
	c.Items = nil
	for i := range l.Items {
		c.Items = append(c.Items, *l.Items[i].deepCopy())
	}
	return &c
}
