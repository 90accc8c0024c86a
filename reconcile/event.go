package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// The types of a Notice.
const (
	Normal  = "Normal"
	Warning = "Warning"
)

const (
	eventKind         = "Event"
	defaultNamespace  = "default"
	eventMessageMost  = 1024 // bytes, as in Kubernetes
	eventNameMost     = 253
	reconciled        = "Reconciled" // the reason of Ready when there is no other
	readyEventMessage = "The world matches the spec"
)

// turned tells the owner that Ready has another status or reason than before, or another error. It has nothing to
// say where the pass itself told something, or where an object is as wished from its first pass on.
func turned(before, now []metav1.Condition, out outcome) []Notice {
	ready, was := meta.FindStatusCondition(now, api.Ready), meta.FindStatusCondition(before, api.Ready)
	same := was != nil && was.Status == ready.Status && was.Reason == ready.Reason
	switch {
	case out.err != nil && same && was.Message == ready.Message:
		return nil
	case out.err != nil:
		return []Notice{{Type: Warning, Reason: ready.Reason, Message: ready.Message}}
	case same || len(out.notices) > 0 || was == nil && ready.Reason == reconciled:
		return nil
	}
	return []Notice{{Type: Normal, Reason: ready.Reason, Message: orDefault(ready.Message, readyEventMessage)}}
}

// eventName is the same for the same notice about the same object, so that a
// server that was restarted goes on counting.
func eventName(about *api.Object, n Notice) string {
	hash := sha256.Sum256([]byte(strings.Join([]string{string(about.UID), n.Type, n.Reason, n.Message}, "\x00")))
	suffix := "." + hex.EncodeToString(hash[:8])
	return about.Name[:min(len(about.Name), eventNameMost-len(suffix))] + suffix
}

// eventKey is the key of the Event of a notice.
func eventKey(about *api.Object, n Notice) api.Key {
	return api.Key{Kind: eventKind, Namespace: orDefault(about.Namespace, defaultNamespace), Name: eventName(about, n)}
}

// newEvent is the Event of a notice that came once. Its times are finer than the seconds of
// Kubernetes: kubectl reads them, and so can tell what came first.
func newEvent(about *api.Object, n Notice, key api.Key, at time.Time) (*api.Object, error) {
	component := orDefault(n.Source, strings.ToLower(about.Kind)+"-controller")
	event := &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: eventKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
	}
	return event, setFields(event, map[string]any{
		"involvedObject": map[string]any{
			"apiVersion": about.APIVersion, "kind": about.Kind,
			"namespace": about.Namespace, "name": about.Name, "uid": about.UID,
		},
		"type":               n.Type,
		"reason":             n.Reason,
		"message":            clip(n.Message, eventMessageMost),
		"source":             map[string]any{"component": component},
		"reportingComponent": component,
		"reportingInstance":  component,
		"count":              1,
		"firstTimestamp":     metav1.NewMicroTime(at),
		"lastTimestamp":      metav1.NewMicroTime(at),
	})
}

// counted is an event that came n more times, last at the given time, and then with the text if that is another each time.
func counted(event *api.Object, n int, at time.Time, text string) (*api.Object, error) {
	var count int
	if raw := event.Rest["count"]; len(raw) > 0 {
		if err := json.Unmarshal(raw, &count); err != nil {
			return nil, fmt.Errorf("%s: count: %w", event.Key(), err)
		}
	}
	fields := map[string]any{"count": count + n, "lastTimestamp": metav1.NewMicroTime(at)}
	if text != "" {
		fields["message"] = clip(text, eventMessageMost)
	}
	next := event.Clone()
	return next, setFields(next, fields)
}

// lastSeen is when an event came last, or was made if it does not say.
func lastSeen(event *api.Object) time.Time {
	var at metav1.Time
	if raw := event.Rest["lastTimestamp"]; len(raw) > 0 && json.Unmarshal(raw, &at) == nil && !at.IsZero() {
		return at.Time
	}
	return event.CreationTimestamp.Time
}

func setFields(event *api.Object, fields map[string]any) error {
	if event.Rest == nil {
		event.Rest = map[string]json.RawMessage{}
	}
	for name, value := range fields {
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		event.Rest[name] = raw
	}
	return nil
}
