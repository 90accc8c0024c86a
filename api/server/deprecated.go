package server

import (
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// warn tells the client what is wrong though not refused, after what there is to say of the
// version that it uses. It replaces what an earlier try said.
func (r *request) warn(warnings []string) {
	if r.kind.DeprecationWarning != "" {
		warnings = slices.Concat([]string{r.kind.DeprecationWarning}, warnings)
	}
	warn(r.echo.Response().Header(), warnings)
}

// refuseTerminating is the answer to a create of a kind whose definition is being deleted.
func refuseTerminating(r *request) error {
	err := apierrors.NewMethodNotSupported(r.groupResource(), "create")
	err.ErrStatus.Message = "create not allowed while custom resource definition is terminating"
	return err
}
