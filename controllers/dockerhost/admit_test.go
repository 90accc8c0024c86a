package dockerhost_test

import (
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/dockerhost"
)

func TestAdmit(t *testing.T) {
	cases := map[string]struct {
		spec v1.DockerHostSpec
		want string // "" is accepted
	}{
		"a socket":          {v1.DockerHostSpec{Endpoint: "unix:///var/run/docker.sock"}, ""},
		"tcp":               {v1.DockerHostSpec{Endpoint: "tcp://10.0.0.1:2375"}, ""},
		"tcp with TLS":      {v1.DockerHostSpec{Endpoint: "tcp://h:2376", TLS: &v1.HostTLS{}}, ""},
		"ssh":               {v1.DockerHostSpec{Endpoint: "ssh://h"}, "spec.endpoint: Invalid value: \"ssh://h\": ssh:// is not yet available in this version; available: unix://, tcp://"},
		"http":              {v1.DockerHostSpec{Endpoint: "http://h:2375"}, "spec.endpoint: Invalid value: \"http://h:2375\": must be unix:///path/of.sock or tcp://host:port"},
		"no port":           {v1.DockerHostSpec{Endpoint: "tcp://h"}, "must be unix:///path/of.sock or tcp://host:port"},
		"a relative socket": {v1.DockerHostSpec{Endpoint: "unix://docker.sock"}, "must be unix:///path/of.sock or tcp://host:port"},
		"a password":        {v1.DockerHostSpec{Endpoint: "tcp://a:b@h:2375"}, "must be unix:///path/of.sock or tcp://host:port"},
		"nonsense":          {v1.DockerHostSpec{Endpoint: "::"}, "spec.endpoint: Invalid value"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			obj := host(func(s *spec) { *s = c.spec })
			got := dockerhost.Admit(t.Context(), api.AdmissionRequest{New: obj}).ToAggregate()
			if c.want == "" && got != nil || c.want != "" && (got == nil || !strings.Contains(got.Error(), c.want)) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}
