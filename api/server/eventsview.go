package server

import (
	"encoding/json"

	"github.com/powernode/powernode/api"
)

// eventsEvent is the Event of events.k8s.io: the Event of the core group in newer words.
const eventsEvent = "Event.events.k8s.io"

// eventWords are the fields of a core Event that events.k8s.io calls otherwise.
func eventWords() map[string]string {
	return map[string]string{
		"involvedObject":     "regarding",
		"message":            "note",
		"reportingComponent": "reportingController",
		"source":             "deprecatedSource",
		"firstTimestamp":     "deprecatedFirstTimestamp",
		"lastTimestamp":      "deprecatedLastTimestamp",
		"count":              "deprecatedCount",
	}
}

// servedEvent is a stored Event as events.k8s.io shows it.
func servedEvent(obj *api.Object) *api.Object {
	return reworded(obj, "events.k8s.io/v1", eventWords())
}

// storedEvent is an Event of events.k8s.io as it is stored.
func storedEvent(obj *api.Object) *api.Object {
	back := map[string]string{}
	for stored, served := range eventWords() {
		back[served] = stored
	}
	return reworded(obj, "v1", back)
}

func reworded(obj *api.Object, apiVersion string, words map[string]string) *api.Object {
	other := *obj
	other.APIVersion = apiVersion
	other.Rest = make(map[string]json.RawMessage, len(obj.Rest))
	for name, raw := range obj.Rest {
		if word, ok := words[name]; ok {
			name = word
		}
		other.Rest[name] = raw
	}
	return &other
}
