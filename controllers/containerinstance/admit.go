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

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Admit refuses what the schema can't: what is there twice in other words, and
// what an instance may not have. It is an api.Admission.
func Admit(_ context.Context, req api.AdmissionRequest) field.ErrorList {
	var spec v1.ContainerInstanceSpec
	at := field.NewPath("spec")
	if err := json.Unmarshal(req.New.Spec, &spec); err != nil {
		return field.ErrorList{field.Invalid(at, nil, err.Error())}
	}
	errs := admitSecurity(at.Child("security"), spec.Security)
	errs = append(errs, admitMounts(at.Child("mounts"), spec.Mounts)...)
	errs = append(errs, admitPorts(at.Child("ports"), spec.Ports)...)
	return append(errs, admitLabels(at.Child("labels"), spec.Labels)...)
}

var _ api.Admission = Admit

func admitSecurity(at *field.Path, security v1.ContainerSecurity) field.ErrorList {
	if !security.Privileged {
		return nil
	}
	return field.ErrorList{field.Forbidden(at.Child("privileged"), "a privileged container owns its host; name what it needs in spec.security.capAdd")}
}

func admitMounts(at *field.Path, mounts []v1.Mount) (errs field.ErrorList) {
	targets := map[string]bool{}
	for i, m := range mounts {
		at := at.Index(i)
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

func admitPorts(at *field.Path, ports []v1.ContainerPort) (errs field.ErrorList) {
	published := map[string]bool{}
	for i, p := range ports {
		if p.HostPort == 0 {
			continue
		}
		id := fmt.Sprintf("%s:%d/%s", p.HostIP, p.HostPort, cmp.Or(p.Protocol, "TCP"))
		if published[id] {
			errs = append(errs, field.Duplicate(at.Index(i).Child("hostPort"), p.HostPort))
		}
		published[id] = true
	}
	return errs
}

func admitLabels(at *field.Path, labels map[string]string) (errs field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(name, api.Group+"/") {
			errs = append(errs, field.Forbidden(at.Key(name), "labels of "+api.Group+" mark what is ours"))
		}
	}
	return errs
}
