package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

// typed knows the kinds that Kubernetes clients have Go types for: those they
// send as protobuf, and patch by the strategies that the types say.
type typed struct {
	scheme *runtime.Scheme
	codec  *protobuf.Serializer
}

func newTyped() (*typed, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, authenticationv1.AddToScheme, authorizationv1.AddToScheme, autoscalingv1.AddToScheme,
		coordinationv1.AddToScheme, eventsv1.AddToScheme, rbacv1.AddToScheme, apiextensionsv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register core kinds: %w", err)
		}
	}
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	return &typed{scheme, protobuf.NewSerializer(scheme, scheme)}, nil
}

// knows reports whether there is a Go type for a kind.
func (t *typed) knows(gvk schema.GroupVersionKind) bool { return t.scheme.Recognizes(gvk) }

// sample is an empty value of the Go type of a kind.
func (t *typed) sample(gvk schema.GroupVersionKind) (any, error) { return t.scheme.New(gvk) }

// json turns a protobuf body into the JSON of the same object; gvk is what the
// body is when it does not say so itself.
func (t *typed) json(body []byte, gvk schema.GroupVersionKind) ([]byte, error) {
	return guarded("protobuf body of "+gvk.Kind, func() ([]byte, error) {
		obj, actual, err := t.codec.Decode(body, &gvk, nil)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("read protobuf body of %s: %v", gvk.Kind, err))
		}
		obj.GetObjectKind().SetGroupVersionKind(*actual)
		data, err := json.Marshal(obj)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("convert protobuf body of %s: %v", gvk.Kind, err))
		}
		return data, nil
	})
}

// guarded runs a library on a client's input: some of them panic where they
// should fail.
func guarded(what string, run func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = apierrors.NewBadRequest(fmt.Sprintf("read %s: malformed", what))
		}
	}()
	return run()
}

// isProtobuf recognizes a protobuf body by its first bytes.
func isProtobuf(body []byte) bool { return bytes.HasPrefix(body, []byte("k8s\x00")) }
