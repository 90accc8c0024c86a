package containerinstance

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Admit refuses what the schema can't: rules between fields, and what an
// instance may not have. It is an api.Admission.
func Admit(_ context.Context, req api.AdmissionRequest) field.ErrorList {
	var spec v1.ContainerInstanceSpec
	at := field.NewPath("spec")
	if err := json.Unmarshal(req.New.Spec, &spec); err != nil {
		return field.ErrorList{field.Invalid(at, nil, err.Error())}
	}
	errs := append(admitRun(at, spec), admitMounts(at.Child("mounts"), spec.Mounts)...)
	errs = append(errs, admitPorts(at, spec)...)
	errs = append(errs, admitResources(at.Child("resources"), spec.Resources)...)
	errs = append(errs, admitLabels(at.Child("labels"), spec.Labels)...)
	return append(errs, admitEnv(at, spec)...)
}

var _ api.Admission = Admit

// admitRun is about the fields that only a Job or only a Service has, and privileges.
func admitRun(at *field.Path, spec v1.ContainerInstanceSpec) (errs field.ErrorList) {
	if spec.Security.Privileged {
		errs = append(errs, field.Forbidden(at.Child("security", "privileged"), "a privileged container owns its host; name what it needs in spec.security.capAdd"))
	}
	if spec.Run == v1.RunService {
		if spec.BackoffLimit != 0 {
			errs = append(errs, field.Forbidden(at.Child("backoffLimit"), "is for run: Job; a Service restarts by spec.restartPolicy"))
		}
		if spec.TTLSecondsAfterFinished != nil {
			errs = append(errs, field.Forbidden(at.Child("ttlSecondsAfterFinished"), "is for run: Job"))
		}
	} else if spec.RestartPolicy != "" && spec.RestartPolicy != v1.RestartNever {
		errs = append(errs, field.Invalid(at.Child("restartPolicy"), spec.RestartPolicy, "is for run: Service; a Job tries again by spec.backoffLimit"))
	}
	return errs
}

func admitMounts(at *field.Path, mounts []v1.Mount) (errs field.ErrorList) {
	targets := map[string]bool{}
	for i, m := range mounts {
		at := at.Index(i)
		switch {
		case m.Type == "tmpfs" && m.Source != "":
			errs = append(errs, field.Forbidden(at.Child("source"), "a tmpfs has none"))
		case m.Type != "tmpfs" && m.Source == "":
			errs = append(errs, field.Required(at.Child("source"), "the path (bind) or the name (volume) of what is mounted"))
		case m.Type == "bind" && !path.IsAbs(m.Source):
			errs = append(errs, field.Invalid(at.Child("source"), m.Source, "must be an absolute path of the host"))
		}
		if m.Type != "tmpfs" && m.SizeMB != 0 {
			errs = append(errs, field.Forbidden(at.Child("sizeMB"), "is for type: tmpfs"))
		}
		if !path.IsAbs(m.Target) || path.Clean(m.Target) == "/" {
			errs = append(errs, field.Invalid(at.Child("target"), m.Target, "must be an absolute path below / in the container"))
		}
		if clean := path.Clean(m.Target); targets[clean] {
			errs = append(errs, field.Duplicate(at.Child("target"), m.Target))
		} else {
			targets[clean] = true
		}
	}
	return errs
}

func admitPorts(at *field.Path, spec v1.ContainerInstanceSpec) (errs field.ErrorList) {
	alone := !isTrue(spec.Security.NetworkAccess)
	if alone && len(spec.Networks) > 0 {
		errs = append(errs, field.Forbidden(at.Child("networks"), "spec.security.networkAccess is false"))
	}
	published := map[string]bool{}
	for i, p := range spec.Ports {
		at := at.Child("ports").Index(i)
		if p.HostPort == 0 {
			if p.HostIP != "" {
				errs = append(errs, field.Required(at.Child("hostPort"), "hostIP is where a port is published"))
			}
			continue
		}
		if alone {
			errs = append(errs, field.Forbidden(at.Child("hostPort"), "spec.security.networkAccess is false"))
		}
		id := fmt.Sprintf("%s:%d/%s", p.HostIP, p.HostPort, cmp.Or(p.Protocol, "TCP"))
		if published[id] {
			errs = append(errs, field.Duplicate(at.Child("hostPort"), p.HostPort))
		}
		published[id] = true
	}
	return errs
}

func admitResources(at *field.Path, r v1.ContainerResources) (errs field.ErrorList) {
	if r.Memory != "" && r.MemoryMB != 0 {
		errs = append(errs, field.Forbidden(at.Child("memory"), "memoryMB says it already"))
	} else if r.Memory != "" {
		errs = append(errs, admitQuantity(at.Child("memory"), r.Memory, "64Mi", "8192Mi")...)
	}
	if r.CPU != "" && r.CPUMillicores != 0 {
		errs = append(errs, field.Forbidden(at.Child("cpu"), "cpuMillicores says it already"))
	} else if r.CPU != "" {
		errs = append(errs, admitQuantity(at.Child("cpu"), r.CPU, "100m", "4")...)
	}
	return errs
}

func admitQuantity(at *field.Path, text, least, most string) field.ErrorList {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return field.ErrorList{field.Invalid(at, text, fmt.Sprintf("must be a quantity such as %s", least))}
	}
	if q.Cmp(resource.MustParse(least)) < 0 || q.Cmp(resource.MustParse(most)) > 0 {
		return field.ErrorList{field.Invalid(at, text, fmt.Sprintf("must be from %s to %s", least, most))}
	}
	return nil
}

func admitLabels(at *field.Path, labels map[string]string) (errs field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(name, api.Group+"/") {
			errs = append(errs, field.Forbidden(at.Key(name), "labels of "+api.Group+" mark what is ours"))
		}
	}
	return errs
}

func admitEnv(at *field.Path, spec v1.ContainerInstanceSpec) (errs field.ErrorList) {
	for i, e := range spec.Env {
		at := at.Child("env").Index(i)
		if e.ValueFrom == nil {
			continue
		}
		if e.Value != "" {
			errs = append(errs, field.Forbidden(at.Child("valueFrom"), "value says it already"))
		}
		if (e.ValueFrom.SecretKeyRef == nil) == (e.ValueFrom.ConfigMapKeyRef == nil) {
			errs = append(errs, field.Required(at.Child("valueFrom"), "exactly one of secretKeyRef, configMapKeyRef"))
		}
	}
	for i, e := range spec.EnvFrom {
		if (e.SecretRef == nil) == (e.ConfigMapRef == nil) {
			errs = append(errs, field.Required(at.Child("envFrom").Index(i), "exactly one of secretRef, configMapRef"))
		}
	}
	return errs
}
