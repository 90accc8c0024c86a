package api

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Admission checks and completes an object before it is stored, with what a
// schema can't say: references between fields, a cron line, a type of step that
// this version does not have. It may change req.New; it must not have side
// effects, as a dry run calls it too. Problems carry the path of their field.
type Admission func(ctx context.Context, req AdmissionRequest) field.ErrorList

// AdmissionRequest is one create (Old is nil) or update. New has passed the
// schema: it is complete with defaults and free of unknown fields.
type AdmissionRequest struct {
	Old, New *Object
	Objects  Getter
}

// Getter reads one object; ErrNotFound when there is none.
type Getter interface {
	Get(ctx context.Context, key Key) (*Object, error)
}
