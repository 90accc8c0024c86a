package docker

import (
	"fmt"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
)

// configOf puts a spec into the SDK's two halves: what travels with the image,
// and what belongs to the host.
func configOf(s Spec) (*container.Config, *container.HostConfig) {
	exposed, bound := portsOf(s.Ports)
	config := &container.Config{
		Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Cmd, Env: s.Env,
		WorkingDir: s.WorkingDir, User: s.User, Labels: s.Labels,
		ExposedPorts: exposed, Healthcheck: healthOf(s.Health),
	}
	host := &container.HostConfig{
		NetworkMode: container.NetworkMode(s.Network), PortBindings: bound, Mounts: mountsOf(s.Mounts),
		ReadonlyRootfs: s.ReadOnlyRootfs, CapAdd: s.CapAdd, CapDrop: s.CapDrop,
		// Restarts are the controller's: it counts them and slows them down.
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		Resources:     container.Resources{Memory: s.MemoryBytes, MemorySwap: s.MemoryBytes, NanoCPUs: s.NanoCPUs},
	}
	if s.NoNewPrivileges {
		host.SecurityOpt = []string{"no-new-privileges"}
	}
	return config, host
}

func portsOf(ports []Port) (nat.PortSet, nat.PortMap) {
	exposed, bound := nat.PortSet{}, nat.PortMap{}
	for _, p := range ports {
		port := nat.Port(fmt.Sprintf("%d/%s", p.Container, p.Protocol))
		exposed[port] = struct{}{}
		if p.Host != 0 {
			bound[port] = append(bound[port], nat.PortBinding{HostIP: p.HostIP, HostPort: strconv.Itoa(p.Host)})
		}
	}
	return exposed, bound
}

func mountsOf(mounts []Mount) []mount.Mount {
	var out []mount.Mount
	for _, m := range mounts {
		made := mount.Mount{Type: mount.Type(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		if m.SizeBytes != 0 {
			made.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.SizeBytes}
		}
		out = append(out, made)
	}
	return out
}

func healthOf(h *HealthTest) *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test: append([]string{"CMD"}, h.Command...), Interval: h.Interval,
		Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
}
