package dockerhost

import (
	"context"
	"encoding/json"
	"net/url"
	"path"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Admit refuses endpoints that can't be spoken to. It is an api.Admission.
func Admit(_ context.Context, req api.AdmissionRequest) field.ErrorList {
	var spec v1.DockerHostSpec
	at := field.NewPath("spec")
	if err := json.Unmarshal(req.New.Spec, &spec); err != nil {
		return field.ErrorList{field.Invalid(at, nil, err.Error())}
	}
	return admitEndpoint(at.Child("endpoint"), spec.Endpoint)
}

var _ api.Admission = Admit

func admitEndpoint(at *field.Path, endpoint string) field.ErrorList {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(at, endpoint, "must be unix:///path/of.sock or tcp://host:port")}
	case u.Scheme == "ssh":
		return field.ErrorList{field.Invalid(at, endpoint, "ssh:// is not yet available in this version; available: unix://, tcp://")}
	case u.Scheme == "unix" && u.Host == "" && path.IsAbs(u.Path) && u.Path != "/":
		return nil
	case u.Scheme == "tcp" && u.Hostname() != "" && u.Port() != "" && (u.Path == "" || u.Path == "/") && u.User == nil:
		return nil
	}
	return field.ErrorList{field.Invalid(at, endpoint, "must be unix:///path/of.sock or tcp://host:port")}
}
