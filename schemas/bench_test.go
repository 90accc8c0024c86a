package schemas_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/schematest"
)

// BenchmarkBody is what the server does with a realistic body. The numbers to
// compare are those of one run.
func BenchmarkBody(b *testing.B) {
	for _, key := range []string{"ContainerInstance.powernode.io", "Pipeline.powernode.io"} {
		k := builtin(b, key)
		body := example(b, k)
		b.Run(k.Kind+"/whole", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				doc, _, err := k.Decode(body)
				if err != nil {
					b.Fatal(err)
				}
				if problems := wholeWay(k, doc); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
		doc, _, _ := k.Decode(body)
		wholeWay(k, doc)
		for part, f := range map[string]func(){
			"decode":   func() { _, _, _ = k.Decode(body) },
			"prune":    func() { k.Prune(doc) },
			"default":  func() { k.Default(doc) },
			"validate": func() { k.Validate(doc, nil) },
		} {
			b.Run(k.Kind+"/"+part, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}

func BenchmarkCells(b *testing.B) {
	k := builtin(b, "Event")
	o := object(b, "{metadata: {name: e}, type: Normal, reason: Started, message: hello, involvedObject: {kind: Pipeline, name: p}, lastTimestamp: '2026-01-01T00:00:00Z'}")
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		k.Cells(o, now)
	}
}

// example is the first document of a kind's example, as JSON.
func example(tb testing.TB, k *schemas.Kind) []byte {
	tb.Helper()
	data, err := os.ReadFile("../examples/" + strings.ToLower(k.Kind) + ".yaml")
	if err != nil {
		tb.Fatal(err)
	}
	docs, err := schematest.Documents(k, data)
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(text(docs[0]))
}

func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		if _, err := schemas.Builtin(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRules is validation with and without rules, of the same document, and
// what it takes to make a kind with them.
func BenchmarkRules(b *testing.B) {
	var bare []string
	for line := range strings.Lines(team) {
		if !strings.HasPrefix(line, "- {rule") && !strings.HasPrefix(line, "x-kubernetes-validations") {
			bare = append(bare, strings.NewReplacer("      x-kubernetes-validations: [{rule: self.age >= oldSelf.age, message: nobody grows younger}]\n", "").Replace(line))
		}
	}
	const spec = "spec: {lead: ada, min: 1, max: 9, wait: 30m, notes: {a: b}, people: [{name: ada, age: 3}, {name: bob, age: 4}, {name: eve, age: 5}]}"
	for name, schema := range map[string]string{"with": team, "without": strings.Join(bare, "")} {
		b.Run(name+"/parse", func(b *testing.B) {
			doc := []byte(definition(schema))
			for b.Loop() {
				if _, err := schemas.Parse(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
		k := widget(b, schema)
		doc := document(b, k, spec)
		b.Run(name+"/validate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if problems := k.Validate(doc, doc); len(problems) > 0 {
					b.Fatal(problems)
				}
			}
		})
	}
}
