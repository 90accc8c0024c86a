package api

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const secret = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"default","labels":{"b":"2","a":"1"}},` +
	`"data":{"k":"dg=="},"immutable":true,"type":"Opaque"}`

func decode(t *testing.T, doc string) *Object {
	t.Helper()
	var o Object
	if err := json.Unmarshal([]byte(doc), &o); err != nil {
		t.Fatal(err)
	}
	return &o
}

func encode(t *testing.T, o *Object) string {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestADocumentIsTheSameAfterARoundTrip(t *testing.T) {
	for _, doc := range []string{
		secret,
		`{"apiVersion":"powernode.io/v1","kind":"Pipeline","metadata":{"name":"p"},"spec":{"steps":[1.50,null,{"a":{}}]},"status":{"phase":"Active"}}`,
		`{}`,
	} {
		got := encode(t, decode(t, doc))
		if !SameJSON(json.RawMessage(got), json.RawMessage(doc)) && doc != "{}" {
			t.Errorf("%s\nbecame\n%s", doc, got)
		}
		if again := encode(t, decode(t, got)); again != got {
			t.Errorf("%s\nthen\n%s", got, again)
		}
	}
}

func TestFieldsOfKindsWithoutSpecAreKept(t *testing.T) {
	o := decode(t, secret)
	if string(o.Rest["data"]) != `{"k":"dg=="}` || len(o.Spec) != 0 || len(o.Rest) != 3 {
		t.Errorf("rest %v, spec %s", o.Rest, o.Spec)
	}
	if want := (Key{Kind: "Secret", Namespace: "default", Name: "s"}); o.Key() != want {
		t.Errorf("key %v, want %v", o.Key(), want)
	}
}

func TestANullSpecIsNone(t *testing.T) {
	if o := decode(t, `{"spec":null,"status":null}`); o.Spec != nil || o.Status != nil {
		t.Errorf("spec %q, status %q", o.Spec, o.Status)
	}
}

func TestACloneSharesNothingThatChanges(t *testing.T) {
	o := decode(t, secret)
	c := o.Clone()
	c.Labels["a"] = "changed"
	c.Rest["type"] = json.RawMessage(`"changed"`)
	if o.Labels["a"] != "1" || string(o.Rest["type"]) != `"Opaque"` {
		t.Errorf("the original changed: %s", encode(t, o))
	}
}

func TestSameJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2]}`, ` { "b":[2], "a":1 }`, true},
		{`{"a":1}`, `{"a":1.0}`, false},
		{`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false},
		{`[1,2]`, `[2,1]`, false},
		{``, ``, true},
		{``, `{}`, false},
		{`{`, `{}`, false},
	} {
		if got := SameJSON(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.want {
			t.Errorf("SameJSON(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func TestKeysArePrintedForPeople(t *testing.T) {
	for want, key := range map[string]Key{
		"Pipeline/default/build": {Kind: KindOf(APIVersion, "Pipeline"), Namespace: "default", Name: "build"},
		"Namespace/default":      {Kind: KindOf("v1", "Namespace"), Name: "default"},
	} {
		if key.String() != want {
			t.Errorf("%q, want %q", key.String(), want)
		}
	}
}

func TestSortByCreation(t *testing.T) {
	at := func(name string, second int) *Object {
		o := &Object{}
		o.Name, o.CreationTimestamp = name, metav1.NewTime(time.Unix(int64(second), 0))
		return o
	}
	objects := []*Object{at("c", 2), at("b", 1), at("a", 2)}
	SortByCreation(objects)
	if objects[0].Name+objects[1].Name+objects[2].Name != "bac" {
		t.Errorf("order %s %s %s", objects[0].Name, objects[1].Name, objects[2].Name)
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(secret))
	f.Add([]byte(`{"metadata":{"creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var o Object
		if json.Unmarshal(data, &o) != nil {
			return
		}
		once, err := json.Marshal(&o)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		var again Object
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatalf("encoded but not decoded: %v\n%s", err, once)
		}
		if twice, err := json.Marshal(&again); err != nil || string(twice) != string(once) {
			t.Fatalf("%s\nthen\n%s, %v", once, twice, err)
		}
	})
}

// FuzzMarshal: an object has the bytes that encoding/json would give it, however its raw JSON is written.
func FuzzMarshal(f *testing.F) {
	for _, raw := range []string{`{"a":1}`, `{"a": 1}`, `"<"`, `"\u003c"`, `" x "`, "\"\u2028\"", "\"€\"", `"a\"b "`, `["\\", 1]`, ` 1`, `1 `, "\"\xff\""} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		want, err := json.Marshal(map[string]json.RawMessage{"spec": raw})
		if err != nil {
			t.Fatal(err)
		}
		o := &Object{Spec: raw}
		got, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != `{"metadata":{},`+string(want[1:]) {
			t.Errorf("%q becomes %s", raw, got)
		}
	})
}
