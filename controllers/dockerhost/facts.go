package dockerhost

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// readFacts asks the engine what it is and what it has.
func readFacts(ctx context.Context, engine docker.Engine, s *v1.DockerHostStatus) error {
	info, err := engine.Info(ctx)
	if err != nil {
		return err
	}
	s.EngineVersion, s.APIVersion = info.EngineVersion, info.APIVersion
	s.OS, s.Architecture, s.Kernel = info.OS, info.Architecture, info.Kernel
	s.CPUs, s.MemoryBytes = info.CPUs, info.MemoryBytes
	s.Containers = &v1.HostCounts{Running: info.Running, Stopped: info.Stopped, Paused: info.Paused}
	s.Images = &v1.HostImages{Total: info.Images, Dangling: info.DanglingImages}
	s.Volumes, s.Networks = &info.Volumes, &info.Networks
	return nil
}

// tenantsOf names the instances that are placed on a host.
func tenantsOf(ctx context.Context, obj *object) ([]string, error) {
	instances, err := obj.Objects.List(ctx, v1.ContainerInstance, obj.Namespace, nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, instance := range instances {
		var spec v1.ContainerInstanceSpec
		if err := json.Unmarshal(instance.Spec, &spec); err != nil {
			return nil, fmt.Errorf("%s: spec: %w", instance.Key(), err)
		}
		if spec.HostRef.Name == obj.Name {
			names = append(names, instance.Name)
		}
	}
	return names, nil
}
