package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/memory"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// rebooting is a server on PostgreSQL that goes down and comes up again at the same address.
type rebooting struct {
	*testing.T
	dsn, address string
	store        *postgres.Store
	server       *server.Server
	web          *httptest.Server
	stop         func()
}

func (r *rebooting) up() {
	r.Helper()
	var err error
	if r.store, err = postgres.Open(context.Background(), postgres.Config{DSN: r.dsn}); err != nil {
		r.Fatal(err)
	}
	r.server, err = server.New(server.Config{
		Store: r.store, Tasks: &memory.Tasks{}, Logs: &memory.Logs{}, Blobs: &memory.Blobs{}, Kinds: testKinds(r),
		Authenticate: server.Tokens(map[string]server.User{adminToken: {Name: "admin", Groups: []string{server.Masters}}}),
	})
	if err != nil {
		r.Fatal(err)
	}
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.Fatal(err)
	}
	r.address = listener.Addr().String()
	r.web = httptest.NewUnstartedServer(r.server)
	r.web.Listener.Close()
	r.web.Listener = listener
	r.web.Start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func(s *server.Server) { ended <- s.Run(ctx) }(r.server)
	r.stop = func() { cancel(); <-ended }
}

func (r *rebooting) down() {
	r.server.Drain()
	r.web.CloseClientConnections()
	r.web.Close()
	r.stop()
	r.store.Close()
}

// seen is what an informer was told, object by object: never an older state than before (the same
// one again is what an informer says of a list that it had to read anew), and none after it was gone.
type seen struct {
	*testing.T
	name string
	mu   sync.Mutex
	at   map[string]string // resourceVersion by name and uid; "gone" at the end
}

func (s *seen) told(obj any, gone bool) {
	if late, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = late.Obj
	}
	m := obj.(metav1.Object)
	key, now := m.GetName()+" "+string(m.GetUID()), m.GetResourceVersion()
	if gone {
		now = "gone"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at[key] == "gone" || !gone && revision(now) < revision(s.at[key]) {
		s.Errorf("%s: %s is %s after %s", s.name, key, now, s.at[key])
	}
	s.at[key] = now
}

func revision(resourceVersion string) int {
	n, _ := strconv.Atoi(resourceVersion) // 0 for none
	return n
}

func (s *seen) left() (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.at {
		if at != "gone" {
			left++
		}
	}
	return left
}

func (s *seen) follow(informer cache.SharedIndexInformer) {
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { s.told(obj, false) },
		UpdateFunc: func(_, obj any) { s.told(obj, false) },
		DeleteFunc: func(obj any) { s.told(obj, true) },
	})
	if err != nil {
		s.Fatal(err)
	}
}

// oldStyle is a client that lists and watches as those before the watch list did.
type oldStyle struct{ *cache.ListWatch }

func (oldStyle) IsWatchListSemanticsUnSupported() bool { return true }

func oldInformer(client dynamic.ResourceInterface) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(oldStyle{&cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return client.Watch(ctx, o) },
	}}, &unstructured.Unstructured{}, 0, nil)
}

// Informers of every sort see the same through restarts of the server: nothing twice, nothing not at all.
func TestInformersThroughRestarts(t *testing.T) {
	r := &rebooting{T: t, dsn: pgtest.DSN(t), address: "127.0.0.1:0"}
	r.up()
	defer func() { r.down() }()
	config := &rest.Config{Host: "http://" + r.address, BearerToken: adminToken, QPS: -1}
	r.write("POST", "/api/v1/namespaces", `{"metadata":{"name":"default"}}`)

	stop := make(chan struct{})
	var all []*seen
	add := func(name string, informer cache.SharedIndexInformer) {
		s := &seen{T: t, name: name, at: map[string]string{}}
		s.follow(informer)
		all = append(all, s)
	}
	maps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	dyn := dynamicinformer.NewDynamicSharedInformerFactory(must(dynamic.NewForConfig(config)), 0)
	add("dynamic", dyn.ForResource(maps).Informer())
	typed := informers.NewSharedInformerFactory(must(kubernetes.NewForConfig(config)), 0)
	add("typed", typed.Core().V1().ConfigMaps().Informer())
	meta := metadatainformer.NewSharedInformerFactory(must(metadata.NewForConfig(config)), 0)
	add("metadata", meta.ForResource(maps).Informer())
	old := oldInformer(must(dynamic.NewForConfig(config)).Resource(maps))
	add("old", old)
	go old.Run(stop)
	dyn.Start(stop)
	typed.Start(stop)
	meta.Start(stop)
	defer func() { close(stop); dyn.Shutdown(); typed.Shutdown(); meta.Shutdown() }()

	const path = "/api/v1/namespaces/default/configmaps"
	for round := range 3 {
		for n := range 10 {
			r.write("POST", path, fmt.Sprintf(`{"metadata":{"name":"m%d-%d"}}`, round, n))
		}
		for _, s := range all {
			eventually(t, fmt.Sprintf("%s sees round %d", s.name, round), func() bool { return s.left() == 10+5*round })
		}
		for n := range 5 { // not all of it is seen before the server is down
			r.write("DELETE", fmt.Sprintf("%s/m%d-%d", path, round, n), "")
			r.write("PATCH", fmt.Sprintf("%s/m%d-%d", path, round, 5+n), `{"data":{"a":"b"}}`)
		}
		r.down()
		r.up()
	}
	want := map[string]string{}
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	if err := json.Unmarshal([]byte(r.write("GET", path, "")), &list); err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Items {
		want[o.Metadata.Name+" "+string(o.Metadata.UID)] = o.Metadata.ResourceVersion
	}
	for _, s := range all {
		eventually(t, s.name+" has the same in the end", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			for key, at := range want {
				if s.at[key] != at {
					return false
				}
			}
			return true
		})
		if s.left() != len(want) {
			t.Errorf("%s has %d, want %d", s.name, s.left(), len(want))
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// write makes a request, and returns the body of the answer, which must be a good one.
func (r *rebooting) write(method, path, body string) string {
	r.Helper()
	h := &harness{TB: r.T, URL: r.web.URL}
	media := "application/json"
	if method == "PATCH" {
		media = "application/merge-patch+json"
	}
	req := h.request(method, path, body, "Content-Type", media)
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		r.Fatalf("%s %s: %s %s %v", method, path, res.Status, got, err)
	}
	return string(got)
}
