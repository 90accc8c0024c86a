package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/leaktest"
	"github.com/powernode/powernode/schemas"
)

// bounded fails when f takes longer than anything may that a user can ask for.
func bounded(t *testing.T, what string, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("%s took %s", what, took)
	}
}

// A definition's object is a user's input too: it is refused with paths, or makes
// kinds that take any document.
func FuzzDefinition(f *testing.F) {
	for _, doc := range wild(f) {
		if len(doc) < 4000 {
			raw, err := json.Marshal(object(f, string(doc)))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	for _, doc := range []string{gadgets, definition(team), definition(everything)} {
		raw, err := json.Marshal(object(f, doc))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	definitions := builtin(f, schemas.DefinitionKind)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer leakless(t)
		doc, _, err := definitions.Decode(body)
		if err != nil {
			return
		}
		definitions.Prune(doc)
		schemas.CompleteDefinition(doc)
		definitions.Default(doc)
		definitions.Validate(doc, nil)
		obj := &api.Object{}
		if err := json.Unmarshal([]byte(text(doc)), obj); err != nil {
			return
		}
		bounded(t, "a definition", func() {
			wrong := schemas.ValidateDefinition(obj, nil)
			schemas.ValidateDefinition(obj, obj)
			kinds, err := schemas.Kinds(obj)
			if len(wrong) == 0 && err != nil {
				t.Errorf("it is valid, but: %v", err)
			}
			for _, k := range kinds {
				wholeWay(k, map[string]any{"spec": map[string]any{}, "status": nil})
			}
			if _, err := schemas.OpenAPIv2(kinds); err != nil {
				t.Error(err)
			}
		})
	})
}

// A rule of anybody's about a value of anybody's ends, well or in an error.
func FuzzRule(f *testing.F) {
	for line := range strings.Lines(team) {
		if _, rule, found := strings.Cut(line, "rule: "); found {
			rule, _, _ = strings.Cut(rule, ",")
			f.Add(strings.Trim(strings.TrimSpace(rule), `"'}]`), `{"min":1,"people":[{"name":"a"}]}`, `{"min":2}`)
		}
	}
	for _, rule := range []string{"self.people.all(a, self.people.all(b, a == b))", "self.lead.matches(self.lead)", "self.notes.map(k, k + self.notes[k]).isSorted()", "self.start > timestamp(self.lead)", "quantity(self.lead).isInteger()", "url(self.lead).getHost() == ''"} {
		f.Add(rule, `{"lead":"(a+)+$","people":[{"name":"a"},{"name":"b"}],"notes":{"a":"b"},"start":"2026-01-01T00:00:00Z"}`, `null`)
	}
	_, properties, _ := strings.Cut(team, "properties:\n")
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, rule, value, old string) {
		defer leakless(t)
		raw, _ := json.Marshal(rule)
		bounded(t, "a rule", func() {
			doc := definition("type: object\nx-kubernetes-validations: [{rule: " + string(raw) + ", message: m, messageExpression: self.lead}]\nproperties:\n" + properties)
			k, err := schemas.Parse([]byte(doc))
			if err != nil {
				return
			}
			now, _, err := k.Decode([]byte(`{"spec":` + value + `}`))
			if err != nil {
				return
			}
			before, _, err := k.Decode([]byte(`{"spec":` + old + `}`))
			if err != nil {
				return
			}
			wholeWay(k, before)
			wholeWay(k, now)
			k.Validate(now, before)
		})
	})
}
