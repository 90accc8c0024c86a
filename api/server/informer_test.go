package server_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/powernode/powernode/api/server"
)

func (h *harness) config() *rest.Config {
	return &rest.Config{Host: h.URL, BearerToken: adminToken, TLSClientConfig: rest.TLSClientConfig{
		CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.ca.Raw}),
	}}
}

// informed is an informer of client-go on a resource of version v1, in sync.
func informed(t *testing.T, h *harness, group, resource string) cache.SharedIndexInformer {
	t.Helper()
	client, err := dynamic.NewForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}).Informer()
	ctx, cancel := context.WithCancel(context.Background())
	factory.Start(ctx.Done())
	t.Cleanup(func() {
		cancel()
		factory.Shutdown()
	})
	eventually(t, "the informer's sync", informer.HasSynced)
	return informer
}

func has(informer cache.SharedIndexInformer, name, resourceVersion string) func() bool {
	return func() bool {
		item, found, err := informer.GetStore().GetByKey("default/" + name)
		return err == nil && found && item.(*unstructured.Unstructured).GetResourceVersion() == resourceVersion
	}
}

func TestAnInformerOfClientGoSeesEveryChange(t *testing.T) {
	counted := &flakyStore{}
	h := start(t, func(c *server.Config) { counted.Store, c.Store = c.Store, counted })
	h.widget("before", 1)
	informer := informed(t, h, "test.powernode.io", "widgets")
	if lists := counted.lists.Load(); lists != 1 {
		t.Errorf("%d lists for one informer: it fell back from its watch list", lists)
	}
	for n := range 20 {
		h.widget(fmt.Sprintf("w%d", n), 1)
	}
	for n := range 20 {
		path := fmt.Sprintf("%s/w%d", widgets, n)
		if n%2 == 0 {
			h.want(h.do("DELETE", path, ""), 200)
			continue
		}
		h.want(h.merge(path, `{"spec":{"size":2}}`), 200)
	}
	eventually(t, "the same state", func() bool { return len(informer.GetStore().ListKeys()) == 11 })
	for n := 1; n < 20; n += 2 {
		name := fmt.Sprintf("w%d", n)
		eventually(t, name, has(informer, name, h.get(widgets+"/"+name).object(t).ResourceVersion))
	}
}

func TestAnInformerSurvivesThatItsRevisionIsGone(t *testing.T) {
	gone := &flakyStore{}
	h := start(t, func(c *server.Config) { gone.Store, c.Store = c.Store, gone })
	h.widget("a", 1)
	gone.expired.Store(true) // the watch after the list of the informer fails, and again
	informer := informed(t, h, "test.powernode.io", "widgets")
	b := h.widget("b", 1)
	lists := gone.lists.Load()
	eventually(t, "a new list", func() bool { return gone.lists.Load() > lists })
	gone.expired.Store(false)
	eventually(t, "b", has(informer, "b", b.ResourceVersion))
	c := h.widget("c", 1)
	eventually(t, "c", has(informer, "c", c.ResourceVersion))
}

// The typed clients of Kubernetes send protobuf and ask for it.
func TestATypedClientOfClientGo(t *testing.T) {
	h := start(t)
	config := h.config()
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.APIPath = "/api"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"a": "1"}}
	created := &corev1.Secret{}
	if err := client.Post().Namespace("default").Resource("secrets").Body(secret).Do(ctx).Into(created); err != nil {
		t.Fatal(err)
	}
	if string(created.Data["a"]) != "1" || created.UID == "" {
		t.Errorf("created %+v", created)
	}
	created.Data["b"] = []byte("2")
	updated := &corev1.Secret{}
	if err := client.Put().Namespace("default").Resource("secrets").Name("s").Body(created).Do(ctx).Into(updated); err != nil {
		t.Fatal(err)
	}
	list := &corev1.SecretList{}
	if err := client.Get().Resource("secrets").Do(ctx).Into(list); err != nil || len(list.Items) != 1 || string(list.Items[0].Data["b"]) != "2" {
		t.Errorf("list %+v, %v", list, err)
	}
}
