package containerinstance_test

import (
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/containerinstance"
)

func TestAdmit(t *testing.T) {
	no, ttl := false, 1
	cases := map[string]struct {
		change func(*spec)
		want   string // "" is accepted
	}{
		"nothing special":      {func(*spec) {}, ""},
		"privileged":           {func(s *spec) { s.Security.Privileged = true }, "spec.security.privileged: Forbidden: a privileged container owns its host"},
		"a Job that restarts":  {func(s *spec) { s.RestartPolicy = v1.RestartAlways }, "spec.restartPolicy: Invalid value: \"Always\": is for run: Service"},
		"a Service with tries": {func(s *spec) { s.Run, s.BackoffLimit = v1.RunService, 1 }, "spec.backoffLimit: Forbidden"},
		"a Service with a TTL": {func(s *spec) { s.Run, s.TTLSecondsAfterFinished = v1.RunService, &ttl }, "spec.ttlSecondsAfterFinished: Forbidden"},
		"mounts": {func(s *spec) {
			s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "/v"}, {Type: "tmpfs", Target: "/t"}}
		}, ""},
		"a tmpfs of something":  {func(s *spec) { s.Mounts = []v1.Mount{{Type: "tmpfs", Source: "v", Target: "/v"}} }, "spec.mounts[0].source: Forbidden"},
		"a bind of nothing":     {func(s *spec) { s.Mounts = []v1.Mount{{Type: "bind", Target: "/v"}} }, "spec.mounts[0].source: Required"},
		"a relative bind":       {func(s *spec) { s.Mounts = []v1.Mount{{Type: "bind", Source: "v", Target: "/v"}} }, "spec.mounts[0].source: Invalid value: \"v\": must be an absolute path of the host"},
		"a relative target":     {func(s *spec) { s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "v"}} }, "spec.mounts[0].target: Invalid"},
		"the root as target":    {func(s *spec) { s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "/x/.."}} }, "spec.mounts[0].target: Invalid"},
		"the same target twice": {func(s *spec) { s.Mounts = []v1.Mount{{Type: "tmpfs", Target: "/v"}, {Type: "tmpfs", Target: "/v/"}} }, "spec.mounts[1].target: Duplicate"},
		"the size of a volume":  {func(s *spec) { s.Mounts = []v1.Mount{{Type: "volume", Source: "v", Target: "/v", SizeMB: 1}} }, "spec.mounts[0].sizeMB: Forbidden"},
		"ports without network": {func(s *spec) {
			s.Security.NetworkAccess, s.Ports = &no, []v1.ContainerPort{{ContainerPort: 1, HostPort: 1}}
		}, "spec.ports[0].hostPort: Forbidden: spec.security.networkAccess is false"},
		"networks without network": {func(s *spec) { s.Security.NetworkAccess, s.Networks = &no, []string{"a"} }, "spec.networks: Forbidden"},
		"a host port twice": {func(s *spec) {
			s.Ports = []v1.ContainerPort{{ContainerPort: 1, HostPort: 1}, {ContainerPort: 2, HostPort: 1}}
		}, "spec.ports[1].hostPort: Duplicate"},
		"an address without port": {func(s *spec) { s.Ports = []v1.ContainerPort{{ContainerPort: 1, HostIP: "::1"}} }, "spec.ports[0].hostPort: Required"},
		"quantities":              {func(s *spec) { s.Resources = v1.ContainerResources{Memory: "1Gi", CPU: "1.5"} }, ""},
		"memory twice":            {func(s *spec) { s.Resources = v1.ContainerResources{Memory: "1Gi", MemoryMB: 1024} }, "spec.resources.memory: Forbidden: memoryMB says it already"},
		"cpu twice":               {func(s *spec) { s.Resources = v1.ContainerResources{CPU: "1", CPUMillicores: 1000} }, "spec.resources.cpu: Forbidden"},
		"too little memory":       {func(s *spec) { s.Resources.Memory = "1Mi" }, "spec.resources.memory: Invalid value: \"1Mi\": must be from 64Mi to 8192Mi"},
		"too much cpu":            {func(s *spec) { s.Resources.CPU = "5" }, "spec.resources.cpu: Invalid value: \"5\": must be from 100m to 4"},
		"no quantity":             {func(s *spec) { s.Resources.Memory = "lots" }, "spec.resources.memory: Invalid value: \"lots\": must be a quantity such as 64Mi"},
		"our labels":              {func(s *spec) { s.Labels = map[string]string{"powernode.io/uid": "x"} }, "spec.labels[powernode.io/uid]: Forbidden"},
		"a value and its source": {func(s *spec) {
			s.Env = []v1.EnvVar{{Name: "A", Value: "1", ValueFrom: &v1.EnvSource{SecretKeyRef: &v1.KeyRef{}}}}
		}, "spec.env[0].valueFrom: Forbidden"},
		"a source without a place": {func(s *spec) { s.Env = []v1.EnvVar{{Name: "A", ValueFrom: &v1.EnvSource{}}} }, "spec.env[0].valueFrom: Required"},
		"all of nothing":           {func(s *spec) { s.EnvFrom = []v1.EnvFrom{{}} }, "spec.envFrom[0]: Required"},
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
