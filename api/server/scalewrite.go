package server

import (
	"encoding/json"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/api"
)

// scaleChange makes the wanted Scale of the present one, which has the account of whose its
// fields are, and the account after that.
type scaleChange func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error)

// updateScale replaces the Scale of an object, which sets how many the owner wants.
func (s *Server) updateScale(r *request) error {
	if err := r.checkUpdateOptions(); err != nil {
		return err
	}
	body, repeated, err := s.jsonBody(r.echo, scaleKind())
	if err != nil {
		return err
	}
	want, err := r.decodeScale(body, repeated)
	if err != nil {
		return err
	}
	return s.writeScale(r, func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error) {
		return r.trackScale(live, want)
	})
}

// patchScale changes the Scale of an object by what differs.
func (s *Server) patchScale(r *request) error {
	force, err := r.checkPatchOptions()
	if err != nil {
		return err
	}
	body, err := readBody(r.echo, maxBody)
	if err != nil {
		return err
	}
	media := types.PatchType(mediaType(r.http))
	if media == types.ApplyYAMLPatchType {
		return s.applyScale(r, body, force)
	}
	if media != types.JSONPatchType && media != types.MergePatchType {
		return unsupportedMedia(r.http, string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType))
	}
	change, strict, err := s.patcher(r, body)
	if err != nil {
		return err
	}
	return s.writeScale(r, func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error) {
		before, err := json.Marshal(live)
		if err != nil {
			return nil, nil, fmt.Errorf("encode scale of %s: %w", r.key(), err)
		}
		after, err := guarded("patch", func() ([]byte, error) { return change(before) })
		if err != nil {
			return nil, nil, err
		}
		want, err := r.decodeScale(after, strict)
		if err != nil {
			return nil, nil, err
		}
		return r.trackScale(live, want)
	})
}

// applyScale makes the manager the owner of how many there are to be.
func (s *Server) applyScale(r *request, body []byte, force bool) error {
	data, repeated, err := yamlJSON(body)
	if err != nil {
		return err
	}
	if _, err := r.decodeScale(data, repeated); err != nil {
		return err
	}
	wanted := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &wanted); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return s.writeScale(r, func(live *autoscalingv1.Scale) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error) {
		present, err := unstructuredScale(live)
		if err != nil {
			return nil, nil, err
		}
		manager, err := r.fields.scale()
		if err != nil {
			return nil, nil, err
		}
		applied := &unstructured.Unstructured{Object: wanted}
		result, err := manager.Apply(present, applied.DeepCopy(), r.query.Get("fieldManager"), force)
		if err != nil {
			return nil, nil, err
		}
		return fromUnstructuredScale(result)
	})
}

// decodeScale reads a Scale; one that does not say what it is is taken to be one.
func (r *request) decodeScale(data []byte, strict []string) (*autoscalingv1.Scale, error) {
	scale := &autoscalingv1.Scale{TypeMeta: metav1.TypeMeta{APIVersion: scaleKind().GroupVersion().String(), Kind: scaleKind().Kind}}
	problems, err := kjson.UnmarshalStrict(data, scale)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("read Scale: %v", err))
	}
	for _, p := range problems {
		strict = append(strict, p.Error())
	}
	return scale, r.reportStrict(strict)
}

// writeScale sets what the owner wants of the object to what the wanted Scale says.
func (s *Server) writeScale(r *request, change scaleChange) error {
	stored, err := s.retry(r.Context(), r, func(live *api.Object) (document, error) { return r.rescaled(live, change) })
	if err != nil {
		return err
	}
	scale, _, err := r.scaleOf(stored)
	if err != nil {
		return err
	}
	return answerScale(r, scale)
}

// rescaled is the whole object with the wanted count.
func (r *request) rescaled(live *api.Object, change scaleChange) (document, error) {
	scale, _, err := r.scaleOf(live)
	if err != nil {
		return document{}, err
	}
	account := r.fields.scaleAccount(live)
	if scale.ManagedFields, err = account.ToSubresource(); err != nil {
		return document{}, fmt.Errorf("read the owners of the fields of %s: %w", live.Key(), err)
	}
	want, owners, err := change(scale)
	if err != nil {
		return document{}, err
	}
	if err := r.checkScale(scale, want); err != nil {
		return document{}, err
	}
	fields, err := r.fieldsOf(live)
	if err != nil {
		return document{}, err
	}
	if err := unstructured.SetNestedField(fields, int64(want.Spec.Replicas), scalePath(r.kind.Scale.SpecReplicasPath)...); err != nil {
		return document{}, badScale(live, err)
	}
	doc := document{fields: fields, owned: true}
	if doc.owners, err = account.ToParent(owners); err != nil {
		return document{}, fmt.Errorf("write the owners of the fields of %s: %w", live.Key(), err)
	}
	keepScaleTimes(doc.owners, owners)
	return doc, nil
}

// keepScaleTimes dates the entries that came from the account of a Scale, which loses that
// on the way when the entry is new.
func keepScaleTimes(owners, ofScale []metav1.ManagedFieldsEntry) {
	for i := range owners {
		for _, e := range ofScale {
			if owners[i].Time == nil && owners[i].Subresource == e.Subresource && owners[i].Manager == e.Manager && owners[i].Operation == e.Operation {
				owners[i].Time = e.Time
			}
		}
	}
}

// trackScale writes into the account who set the count.
func (r *request) trackScale(live, want *autoscalingv1.Scale) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error) {
	want = want.DeepCopy()
	want.Status = live.Status // nobody sets it here
	manager, err := r.fields.scale()
	if err != nil {
		return nil, nil, err
	}
	before, err := unstructuredScale(live)
	if err != nil {
		return nil, nil, err
	}
	after, err := unstructuredScale(want)
	if err != nil {
		return nil, nil, err
	}
	result, err := manager.Update(before, after, r.manager())
	if err != nil { // the account stays as it was
		return want, live.ManagedFields, nil
	}
	_, owners, err := fromUnstructuredScale(result)
	return want, owners, err
}
