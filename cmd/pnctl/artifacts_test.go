package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"

	v1 "github.com/powernode/powernode/api/v1"
)

func TestNothingIsLeftOfADamagedArtifact(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("not what it was"))
	}))
	defer server.Close()
	c, err := clientFor(&rest.Config{Host: server.URL}, "default")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var out bytes.Buffer
	o := &artifactOptions{client: c, output: dir, session: newSession(search{}, genericiooptions.IOStreams{Out: &out, ErrOut: &out})}
	err = o.fetch(context.Background(), "build-1", v1.RunArtifact{Name: "dist", SHA256: strings.Repeat("a", 64), Size: 9})
	if err == nil || !strings.Contains(err.Error(), "arrived damaged") {
		t.Errorf("error %v, want one that says it is damaged", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 || out.Len() != 0 {
		t.Errorf("there is still %v, and %q was said", left, &out)
	}
}

func TestArtifactPath(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ output, name, want string }{
		{"", "dist", "dist.tar.gz"},
		{dir, "dist", filepath.Join(dir, "dist.tar.gz")},
		{"new/", "dist", "new/dist.tar.gz"},
		{"file.tgz", "dist", "file.tgz"},
		{dir, "../../etc/passwd", filepath.Join(dir, "passwd.tar.gz")},
	} {
		if got := artifactPath(c.output, c.name); got != c.want {
			t.Errorf("%s into %q goes to %q, want %q", c.name, c.output, got, c.want)
		}
	}
}
