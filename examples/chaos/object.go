package chaos

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
)

// Object is what counts of a ConfigMap here.
type Object struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   Metadata          `json:"metadata"`
	Data       map[string]string `json:"data,omitempty"`
}

// Metadata is what counts of an object's metadata here.
type Metadata struct {
	Name            string            `json:"name"`
	UID             string            `json:"uid,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

// The keys of an object's data, and the label that followers select by.
const (
	idKey    = "id" // names the write that made the state; never used twice
	countKey = "n"
	laneKey  = "lane"
)

func newObject(name, id, lane string) Object {
	return Object{
		APIVersion: "v1", Kind: "ConfigMap",
		Metadata: Metadata{Name: name, Labels: map[string]string{laneKey: lane}},
		Data:     map[string]string{idKey: id},
	}
}

// sum stands for the whole state of an object, its revision included.
func (o Object) sum() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s|%s|%s", o.Metadata.Name, o.Metadata.UID, o.Metadata.ResourceVersion)
	for _, m := range []map[string]string{o.Metadata.Labels, o.Data} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(h, "|%s=%s", k, m[k])
		}
		fmt.Fprint(h, "|")
	}
	return h.Sum64()
}

// String is short, for messages.
func (o Object) String() string {
	return fmt.Sprintf("%s at %s (%s, lane %s)", o.Metadata.Name, o.Metadata.ResourceVersion, o.Data[idKey], o.Metadata.Labels[laneKey])
}
