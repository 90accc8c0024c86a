package reconciletest

import "encoding/json"

// Event is what was recorded about an object.
type Event struct {
	Type, Reason, Message string
	Count                 int
}

// Events lists what was recorded about an object, by the name of the Event.
func (w *World) Events(kind, name string) []Event {
	w.t.Helper()
	about := Object(kind, name, nil)
	var events []Event
	for _, obj := range w.List("Event") {
		raw, err := json.Marshal(obj)
		if err != nil {
			w.t.Fatal(err)
		}
		var e struct {
			InvolvedObject struct{ APIVersion, Kind, Namespace, Name string }
			Event
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			w.t.Fatal(err)
		}
		if o := e.InvolvedObject; o.Kind == about.Kind && o.APIVersion == about.APIVersion &&
			o.Namespace == about.Namespace && o.Name == about.Name {
			events = append(events, e.Event)
		}
	}
	return events
}
