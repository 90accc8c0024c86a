package reconcile

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// conditionMessageMost bounds a message in bytes: an error may quote a whole output.
const conditionMessageMost = 1024

// conditions says what an outcome means for an object's generation: Ready
// always, then Reconciling or Stalled where they apply, then the kind's own.
//
// left is what the controller left in the status, previous what was stored before; a condition whose status
// is what it was keeps its time of transition. The same outcome again yields the same conditions.
func conditions(o outcome, generation int64, now metav1.Time, left, previous []metav1.Condition) []metav1.Condition {
	status, reason, message := verdict(o)
	ready := metav1.Condition{Type: api.Ready, Status: status, Reason: reason, Message: clip(message, conditionMessageMost)}
	all := []metav1.Condition{ready}
	beside := ready
	beside.Status = metav1.ConditionTrue
	switch {
	case IsPermanent(o.err):
		beside.Type = api.Stalled
		all = append(all, beside)
	case status != metav1.ConditionTrue:
		beside.Type = api.Reconciling
		all = append(all, beside)
	}
	for _, c := range left {
		if c.Type != api.Ready && c.Type != api.Reconciling && c.Type != api.Stalled {
			all = append(all, c)
		}
	}
	return dated(all, generation, now, previous)
}

// dated fills in what a condition takes from the pass: the generation that the engine's own
// speak of, and the time of transition.
func dated(all []metav1.Condition, generation int64, now metav1.Time, previous []metav1.Condition) []metav1.Condition {
	for i := range all {
		c := &all[i]
		if c.ObservedGeneration == 0 {
			c.ObservedGeneration = generation
		}
		if was := meta.FindStatusCondition(previous, c.Type); was != nil && was.Status == c.Status {
			c.LastTransitionTime = was.LastTransitionTime
		} else if c.LastTransitionTime.IsZero() {
			c.LastTransitionTime = now
		}
	}
	return all
}

// verdict is the Ready condition of an outcome in three words.
func verdict(o outcome) (status metav1.ConditionStatus, reason, message string) {
	if o.err != nil {
		reason = "Failed"
		if r := (*reasonError)(nil); errors.As(o.err, &r) {
			reason = r.reason
		}
		return metav1.ConditionFalse, reason, o.err.Error()
	}
	if o.result.Waiting != "" {
		return metav1.ConditionFalse, orDefault(o.result.Reason, "Waiting"), o.result.Waiting
	}
	return metav1.ConditionTrue, orDefault(o.result.Reason, reconciled), ""
}

// withCommon puts the shared fields into a status, whatever else is in it. A
// status that is no document at all is replaced.
func withCommon(status json.RawMessage, common api.CommonStatus) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(status) > 0 && json.Unmarshal(status, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	shared, err := json.Marshal(common)
	if err != nil {
		return nil, err
	}
	delete(fields, "conditions")
	delete(fields, "observedGeneration")
	if err := json.Unmarshal(shared, &fields); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// commonOf reads the shared fields; none of a status that can't be read.
func commonOf(status json.RawMessage) api.CommonStatus {
	var common api.CommonStatus
	if len(status) == 0 || json.Unmarshal(status, &common) != nil {
		return api.CommonStatus{}
	}
	return common
}

// clip cuts s to most bytes on the boundary of a character.
func clip(s string, most int) string {
	if len(s) <= most {
		return strings.ToValidUTF8(s, "�")
	}
	const mark = "…"
	cut := most - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.ToValidUTF8(s[:cut], "�") + mark
}

func orDefault(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
