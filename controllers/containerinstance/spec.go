package containerinstance

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// What a container gets when its spec does not say.
const (
	defaultMemoryMB      = 512
	defaultCPUMillicores = 500
	defaultGrace         = 10 * time.Second
)

// containerOf is what the engine is to make for the present attempt.
func containerOf(obj *object, env []string) (docker.Spec, error) {
	spec := obj.Spec
	memory, cpu, err := limits(spec.Resources)
	if err != nil {
		return docker.Spec{}, err
	}
	out := docker.Spec{
		Name: containerName(obj), Image: spec.Image, Entrypoint: spec.Command, Cmd: spec.Args, Env: env,
		WorkingDir: spec.WorkingDir, User: spec.User, Labels: labelsOf(obj), Network: networkOf(spec),
		MemoryBytes: memory, NanoCPUs: cpu * 1e6, Health: healthOf(spec.Health),
		ReadOnlyRootfs: spec.Security.ReadOnlyRootfs, CapAdd: spec.Security.CapAdd, CapDrop: spec.Security.CapDrop,
		NoNewPrivileges: isTrue(spec.Security.NoNewPrivileges),
	}
	if out.CapDrop == nil {
		out.CapDrop = []string{"ALL"}
	}
	for _, p := range spec.Ports {
		out.Ports = append(out.Ports, docker.Port{
			Container: p.ContainerPort, Host: p.HostPort, HostIP: p.HostIP, Protocol: strings.ToLower(cmp.Or(p.Protocol, "TCP")),
		})
	}
	for _, m := range spec.Mounts {
		out.Mounts = append(out.Mounts, docker.Mount{
			Type: m.Type, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly, SizeBytes: int64(m.SizeMB) << 20,
		})
	}
	return out, nil
}

// containerName is the same for every try of an attempt, so that the engine
// itself refuses a second container.
func containerName(obj *object) string {
	uid := strings.ReplaceAll(string(obj.Meta.UID), "-", "")
	name := fmt.Sprintf("%.100s-%.12s-%s", obj.Name, uid, obj.Status.ExecutionID)
	if obj.Status.Attempts > 1 {
		name += "-" + strconv.Itoa(obj.Status.Attempts)
	}
	return name
}

func labelsOf(obj *object) map[string]string {
	labels := maps.Clone(obj.Spec.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, map[string]string{
		v1.LabelUID:       string(obj.Meta.UID),
		v1.LabelKind:      "ContainerInstance",
		v1.LabelNamespace: obj.Namespace,
		v1.LabelName:      obj.Name,
		v1.LabelSpecHash:  obj.Status.SpecHash,
		labelExecution:    obj.Status.ExecutionID,
		labelAttempt:      strconv.Itoa(max(1, obj.Status.Attempts)),
	})
	return labels
}

func networkOf(spec v1.ContainerInstanceSpec) string {
	switch {
	case !isTrue(spec.Security.NetworkAccess):
		return "none"
	case len(spec.Networks) > 0:
		return spec.Networks[0]
	}
	return ""
}

func healthOf(h *v1.ContainerHealthTest) *docker.HealthTest {
	if h == nil {
		return nil
	}
	return &docker.HealthTest{
		Command: h.Command, Retries: h.Retries, Interval: seconds(h.IntervalSeconds),
		Timeout: seconds(h.TimeoutSeconds), StartPeriod: seconds(h.StartPeriodSeconds),
	}
}

// limits are the memory in bytes and the CPU in thousandths that a spec asks for.
func limits(r v1.ContainerResources) (memoryBytes, cpuMillicores int64, err error) {
	memoryBytes = int64(cmp.Or(r.MemoryMB, defaultMemoryMB)) << 20
	if r.Memory != "" {
		q, err := resource.ParseQuantity(r.Memory)
		if err != nil {
			return 0, 0, fmt.Errorf("spec.resources.memory: %w", err)
		}
		memoryBytes = q.Value()
	}
	cpuMillicores = int64(cmp.Or(r.CPUMillicores, defaultCPUMillicores))
	if r.CPU != "" {
		q, err := resource.ParseQuantity(r.CPU)
		if err != nil {
			return 0, 0, fmt.Errorf("spec.resources.cpu: %w", err)
		}
		cpuMillicores = q.MilliValue()
	}
	return memoryBytes, cpuMillicores, nil
}

// hashOf tells specs apart that need a different container. References count by
// name: a new value in a Secret is taken up when the next container is made.
func hashOf(spec v1.ContainerInstanceSpec) string {
	spec.Cancel, spec.PullPolicy, spec.RestartPolicy, spec.DeletionPolicy = false, "", "", ""
	spec.TimeoutSeconds, spec.BackoffLimit, spec.TTLSecondsAfterFinished, spec.StopGraceSeconds = 0, 0, nil, nil
	raw, err := json.Marshal(spec)
	if err != nil { // a struct of strings and numbers
		panic(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

func graceOf(spec v1.ContainerInstanceSpec) time.Duration {
	if spec.StopGraceSeconds == nil {
		return defaultGrace
	}
	return seconds(*spec.StopGraceSeconds)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// isTrue is for fields that are true when nobody says otherwise.
func isTrue(b *bool) bool { return b == nil || *b }
