package containerinstance_test

import (
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/containerinstance"
)

func TestAdmit(t *testing.T) {
	cases := map[string]struct {
		change func(*spec)
		want   string // "" is accepted
	}{
		"nothing special": {func(*spec) {}, ""},
		"privileged":      {func(s *spec) { s.Security.Privileged = true }, "spec.security.privileged: Forbidden: a privileged container owns its host"},
		"mounts": {func(s *spec) {
			s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "/v"}, {Type: "tmpfs", Target: "/t"}}
		}, ""},
		"a relative target":     {func(s *spec) { s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "v"}} }, "spec.mounts[0].target: Invalid"},
		"the root as target":    {func(s *spec) { s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "/x/.."}} }, "spec.mounts[0].target: Invalid"},
		"the same target twice": {func(s *spec) { s.Mounts = []v1.Mount{{Type: "tmpfs", Target: "/v"}, {Type: "tmpfs", Target: "/v/"}} }, "spec.mounts[1].target: Duplicate"},
		"a host port twice": {func(s *spec) {
			s.Ports = []v1.ContainerPort{{ContainerPort: 1, HostPort: 1}, {ContainerPort: 2, HostPort: 1}}
		}, "spec.ports[1].hostPort: Duplicate"},
		"our labels": {func(s *spec) { s.Labels = map[string]string{"powernode.io/uid": "x"} }, "spec.labels[powernode.io/uid]: Forbidden"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := containerinstance.Admit(t.Context(), api.AdmissionRequest{New: job("exit 0", c.change)}).ToAggregate()
			if c.want == "" && got != nil || c.want != "" && (got == nil || !strings.Contains(got.Error(), c.want)) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}
