package server

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/api"
)

// maxPatchOperations is the longest JSON patch that is carried out.
const maxPatchOperations = 10_000

// limitCopies keeps a JSON patch from doubling a document over and over; the
// library has no other place to say so.
var limitCopies = sync.OnceFunc(func() { jsonpatch.AccumulatedCopySizeLimit = maxBody })

// patcher makes the JSON of the wanted object from that of the live one.
type patcher func(live []byte) ([]byte, error)

// patch changes an object, or its status, by what differs. It is tried again
// when someone else was faster, unless the patch names a resourceVersion.
func (s *Server) patch(r *request) error {
	force, err := r.checkPatchOptions()
	if err != nil {
		return err
	}
	body, err := readBody(r.echo, maxBody)
	if err != nil {
		return err
	}
	if types.PatchType(mediaType(r.http)) == types.ApplyYAMLPatchType {
		return s.apply(r, body, force)
	}
	want, err := s.patching(r, body)
	if err != nil {
		return err
	}
	stored, err := s.retry(r.Context(), r, want)
	if err != nil {
		return err
	}
	return s.answer(r, http.StatusOK, stored)
}

// patching reads a patch into what makes the wanted document of the live object.
func (s *Server) patching(r *request, body []byte) (func(live *api.Object) (document, error), error) {
	if types.PatchType(mediaType(r.http)) == types.MergePatchType {
		patch, strict, err := patchObject(body)
		return func(live *api.Object) (document, error) { return r.mergedWith(live, patch, strict) }, err
	}
	apply, strict, err := s.patcher(r, body)
	return func(live *api.Object) (document, error) { return s.patched(r, live, apply, strict) }, err
}

// checkPatchOptions tells whether an apply may take over what others own.
func (r *request) checkPatchOptions() (force bool, err error) {
	given, err := boolQuery(r, "force")
	if err != nil {
		return false, err
	}
	err = invalidOptions("PatchOptions", validation.ValidatePatchOptions(&metav1.PatchOptions{
		DryRun: r.query["dryRun"], Force: given, FieldManager: r.query.Get("fieldManager"), FieldValidation: r.query.Get("fieldValidation"),
	}, types.PatchType(mediaType(r.http))))
	return given != nil && *given, err
}

// patched applies a patch to the live object.
func (s *Server) patched(r *request, live *api.Object, apply patcher, strict []string) (document, error) {
	before, err := s.object(live, form{})
	if err != nil {
		return document{}, fmt.Errorf("encode %s: %w", live.Key(), err)
	}
	after, err := guarded("patch", func() ([]byte, error) { return apply(before) })
	if err != nil {
		return document{}, err
	}
	doc, err := r.decode(after)
	doc.strict = append(doc.strict, strict...)
	return doc, err
}

// patcher reads a patch by its Content-Type.
func (s *Server) patcher(r *request, body []byte) (patcher, []string, error) {
	switch media := types.PatchType(mediaType(r.http)); {
	case media == types.JSONPatchType:
		apply, err := r.jsonPatch(body)
		return apply, jsonPatchProblems(body), err
	case media == types.MergePatchType:
		_, strict, err := patchObject(body)
		return func(live []byte) ([]byte, error) { return refusePatch(jsonpatch.MergePatch(live, body)) }, strict, err
	case media == types.StrategicMergePatchType && s.typed.knows(r.gvk()):
		_, strict, err := patchObject(body)
		return s.strategic(r, body), strict, err
	case s.typed.knows(r.gvk()):
		return nil, nil, unsupportedMedia(r.http, string(types.JSONPatchType), string(types.MergePatchType), string(types.StrategicMergePatchType), string(types.ApplyYAMLPatchType))
	}
	return nil, nil, unsupportedMedia(r.http, string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType))
}

// patchObject reads a merge patch, which is a JSON object, and names the fields
// that it has twice.
func patchObject(body []byte) (patch map[string]any, strict []string, err error) {
	twice, err := kjson.UnmarshalStrict(body, &patch, kjson.DisallowDuplicateFields)
	if err != nil {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("read patch: %v", err))
	}
	if patch == nil {
		return nil, nil, apierrors.NewBadRequest("read patch: it must be a JSON object")
	}
	for _, t := range twice {
		strict = append(strict, t.Error())
	}
	return patch, strict, nil
}

// jsonPatchProblems names what the operations of a JSON patch have that means nothing, or twice.
func jsonPatchProblems(body []byte) (strict []string) {
	var operations []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		From  string `json:"from"`
		Value any    `json:"value"`
	}
	problems, err := kjson.UnmarshalStrict(body, &operations)
	if err != nil {
		return nil // it is refused as a whole
	}
	for _, p := range problems {
		strict = append(strict, "json patch "+p.Error())
	}
	return strict
}

func (r *request) jsonPatch(body []byte) (patcher, error) {
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("read patch: %v", err))
	}
	if len(patch) > maxPatchOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(
			fmt.Sprintf("the allowed maximum operations in a JSON patch is %d, got %d", maxPatchOperations, len(patch)))
	}
	moves := movesIn(patch)
	return func(live []byte) ([]byte, error) {
		if err := checkMoves(moves, live, body); err != nil {
			return nil, err
		}
		after, err := patch.Apply(live)
		if err != nil {
			return nil, apierrors.NewInvalid(r.groupKind(), r.target.name, field.ErrorList{
				field.Invalid(field.NewPath("patch"), field.OmitValueType{}, err.Error()),
			})
		}
		return after, nil
	}, nil
}

// strategic merges by what the Go type of the kind says of its lists.
func (s *Server) strategic(r *request, body []byte) patcher {
	return func(live []byte) ([]byte, error) {
		sample, err := s.typed.sample(r.gvk())
		if err != nil {
			return nil, err
		}
		return refusePatch(strategicpatch.StrategicMergePatch(live, body, sample))
	}
}

// refusePatch says of a patch that can't be applied whether it is malformed.
func refusePatch(after []byte, err error) ([]byte, error) {
	switch {
	case err == nil:
		return after, nil
	case errors.Is(err, mergepatch.ErrBadJSONDoc), errors.Is(err, mergepatch.ErrBadPatchFormatForPrimitiveList),
		errors.Is(err, mergepatch.ErrBadPatchFormatForRetainKeys), errors.Is(err, mergepatch.ErrBadPatchFormatForSetElementOrderList),
		errors.Is(err, mergepatch.ErrUnsupportedStrategicMergePatchFormat):
		return nil, apierrors.NewBadRequest(fmt.Sprintf("apply patch: %v", err))
	}
	refused := apierrors.NewBadRequest(fmt.Sprintf("apply patch: %v", err))
	refused.ErrStatus.Code, refused.ErrStatus.Reason = http.StatusUnprocessableEntity, metav1.StatusReasonInvalid
	return nil, refused
}
