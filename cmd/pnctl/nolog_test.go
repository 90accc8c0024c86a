package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/powernode/powernode/api"
)

func TestALogThatIsNotThereYetSaysWhy(t *testing.T) {
	f := &fakeInstance{rev: 1, logs: map[int]string{}}
	server := httptest.NewServer(f)
	defer server.Close()
	calls, err := clientFor(&rest.Config{Host: server.URL}, "default")
	if err != nil {
		t.Fatal(err)
	}
	var out, notices strings.Builder
	c := &containerFollower{client: calls, name: "web", out: &out, notices: &notices}
	once := func(want string) {
		t.Helper()
		notices.Reset()
		if err := c.once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if notices.String() != want || out.Len() != 0 {
			t.Errorf("got %q and %q, want %q", notices.String(), out.String(), want)
		}
	}
	once("pnctl: web has no container yet: its controller has not seen it\n")
	f.set(func() {
		f.status.Conditions = []metav1.Condition{{Type: api.Ready, Status: metav1.ConditionFalse, Message: `DockerHost "local" is not there`}}
	})
	once("pnctl: web has no container yet: DockerHost \"local\" is not there\n")
	f.set(func() { f.status.ContainerID = "c1" })
	once("")
}
