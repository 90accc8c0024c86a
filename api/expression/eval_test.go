package expression

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"pgregory.net/rapid"
)

func scope(t testing.TB) Scope {
	t.Helper()
	var contexts map[string]any
	if err := json.Unmarshal([]byte(`{
		"inputs": {"name": "Ada", "n": 3, "yes": true, "no": false, "empty": ""},
		"steps": {"build-it": {"outputs": {"Sha": "abc"}, "result": "success"}},
		"trigger": {"event": {"labels": [{"name": "bug"}, {"name": "Help"}, {"id": 3}], "list": ["a", "B"], "map": {"x": {"v": 1}, "y": {"v": 2}}}}
	}`), &contexts); err != nil {
		t.Fatal(err)
	}
	return Scope{Contexts: contexts, HashFiles: func(patterns ...string) (string, error) {
		if patterns[0] == "bad" {
			return "", errors.New("no such pattern")
		}
		return strings.Join(patterns, "+"), nil
	}}
}

// Each line is an expression and its value as JSON; sources are named in the package comment.
func TestValues(t *testing.T) {
	for source, want := range map[string]string{
		// literals and numbers
		"1": "1", "-1.5e2": "-150", "0xff": "255", "0o17": "15", "+1": "1", ".5": "0.5", "1700000000000": "1700000000000",
		"'it''s'": `"it's"`, "true": "true", "null": "null",
		// members, regardless of case
		"inputs.name": `"Ada"`, "INPUTS['NAME']": `"Ada"`, "steps.build-it.outputs.sha": `"abc"`, "steps['build-it'].result": `"success"`,
		"inputs.none": "null", "inputs.none.deeper": "null", "trigger.event.list[1]": `"B"`, "trigger.event.list[7]": "null", "trigger.event.list[-1]": "null",
		"trigger.event.list['1']": `"B"`, "inputs.name.length": "null",
		// object filter
		"trigger.event.labels.*.name": `["bug","Help"]`, "trigger.event.labels[*].id": "[3]", "trigger.event.map.*.v": "[1,2]", "inputs.name.*": "[]",
		"contains(trigger.event.labels.*.name, 'HELP')": "true",
		// operators: values of && and ||, precedence
		"inputs.empty || 'x'": `"x"`, "inputs.yes && 'a' || 'b'": `"a"`, "inputs.no && 'a' || 'b'": `"b"`, "!inputs.empty": "true", "!!'0'": "true",
		"1 < 2 == true": "true", "1 == 1 && 2 == 3 || true": "true", "(1 || 2) && 3": "3", "3 > 2 > 1": "false", "!true == false": "true",
		// loose comparison
		"'ABC' == 'abc'": "true", "1 == '1'": "true", "'' == 0": "true", "null == 0": "true", "null == ''": "true", "null == false": "true", "true == '1'": "true", "true == 'true'": "false",
		"'0x10' == 16": "true", "' 3 ' == 3": "true", "'3 4' == 3": "false", "NaN == NaN": "false", "Infinity > 1": "true", "'a' < 'B'": "true", "null < 1": "true", "null > null": "false",
		"trigger.event.list == trigger.event.list": "false", "trigger.event.list != 'Array'": "true", "2 >= 2": "true", "'b' <= 'a'": "false",
		// functions
		"contains('Hello', 'ELL')": "true", "contains(trigger.event.list, 'b')": "true", "contains(trigger.event.map, 'x')": "false", "startsWith('Hello', 'he')": "true", "endsWith('Hello', 'LO')": "true",
		"format('{1}-{0}-{{{0}}}', 'a', 2)": `"2-a-{a}"`, "join(trigger.event.list)": `"a,B"`, "join(trigger.event.list, ' + ')": `"a + B"`, "join('x', 'y')": `"x"`,
		"fromJSON('[1, {\"a\": null}]')[1]": `{"a":null}`, "fromJSON('{\"a\": 7}').a": "7", "toJSON('x')": `"\"x\""`, "slugify(' Hallo, Wörld 2! ')": `"hallo-w-rld-2"`, "hashFiles('a', 'b')": `"a+b"`,
		"SUCCESS()": "true", "failure()": "false", "cancelled()": "false", "always()": "true",
	} {
		tmpl, err := Parse("${{ " + source + " }}")
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		v, err := tmpl.Eval(scope(t))
		got, _ := json.Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("%s is %s (%v), want %s", source, got, err, want)
		}
	}
}

func TestTextWithExpressions(t *testing.T) {
	for source, want := range map[string]string{
		"":                                    "",
		"plain $ { } }} text":                 "plain $ { } }} text",
		"v${{ inputs.n }}-${{inputs.name}}!":  "v3-Ada!",
		"${{ null }}|${{ true }}|${{ 1.50 }}": "|true|1.5",
		"${{ inputs }} ${{ trigger.event.list }}":                                        "Object Array",
		"${{ '${{' }} ${{ '}}' }}":                                                       "${{ }}",
		"${{ 1e21 }}, ${{ 0.1 }}, ${{ -0 }}, ${{ 123456789012345678 }}, ${{ 0.000001 }}": "1E+21, 0.1, 0, 1.23456789012346E+17, 1E-06",
	} {
		tmpl, err := Parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := tmpl.Text(scope(t)); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", source, got, err, want)
		}
	}
}

func TestWhatCannotBeEvaluatedSaysWhere(t *testing.T) {
	for source, want := range map[string]string{
		"x ${{ fromJSON('{') }}":     "column 7: fromJSON: the text is not JSON",
		"${{ format('{1}', 'a') }}":  "column 5: format: {1} has no argument; there are 1",
		"${{ format('{x}', 'a') }}":  "column 5: format: between { and } stands the number of an argument; write {{ for a brace",
		"${{ format('{') }}":         "column 5: format: a { without }; write {{ for a brace",
		"a\n${{ hashFiles('bad') }}": "line 2, column 5: hashFiles: no such pattern",
		"${{ nope() }}":              "column 5: " + unknownFunction("nope"),
		"${{ contains(1) }}":         "column 5: contains takes 2 arguments, not 1",
		"${{ join() }}":              "column 5: join takes 1 to 2 arguments, not 0",
		"${{ format('{0}{0}', format('{0}{0}', format('{0}{0}', inputs.big))) }}": "column 5: the result is longer than 1 MiB",
	} {
		tmpl, err := Parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		s := scope(t)
		s.Contexts["inputs"].(map[string]any)["big"] = strings.Repeat("x", 200_000)
		if _, err := tmpl.Eval(s); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", source, err, want)
		}
	}
}

func TestWhatCannotBeParsedSaysWhere(t *testing.T) {
	for source, want := range map[string]string{
		"${{ }}":         "column 4: the expression is empty",
		"a ${{ inputs.x": "column 15: the expression is not closed by }}",
		"${{ 'a }}":      "column 5: the string is not closed by '",
		`${{ "a" }}`:     `column 5: unexpected '"': strings are written in single quotes, as 'text'`,
		"${{ a. }}":      "column 8: found the end of the expression where a name or * is expected",
		"${{ a b }}":     `column 7: found "b" where an operator or the end of the expression is expected`,
		"${{ a[1 }}":     `column 9: found the end of the expression where "]" is expected`,
		"${{ f(1,) }}":   `column 9: found ")" where a value is expected`,
		"${{ f(1 2) }}":  `column 9: found "2" where "," or ")" is expected`,
		"${{ 1.2.3 }}":   `column 5: "1.2.3" is not a number`,
		"${{ a = b }}":   "column 7: unexpected '='",
		"ä ${{ a + b }}": "column 9: unexpected '+'",
		"${{ " + strings.Repeat("(", 60) + "1" + strings.Repeat(")", 60) + " }}": "column 55: the expression nests deeper than 50 levels",
	} {
		_, err := Parse(source)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", source, err, want)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, test := range []struct {
		source string
		status Status
		want   bool
	}{
		{"", Success, true}, {"", Failure, false}, {"inputs.yes", Success, true}, {"inputs.yes", Failure, false},
		{"${{ inputs.no }}", Success, false}, {" ${{ inputs.n == 3 }} ", Success, true}, {"'false'", Success, true}, {"always()", Cancelled, true},
		{"failure() && inputs.yes", Failure, true}, {"!cancelled()", Failure, true}, {"cancelled()", Cancelled, true}, {"success() || failure()", Failure, true},
		{"'${{' != inputs.name", Success, true},
	} {
		c, err := ParseCondition(test.source)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		s := scope(t)
		s.Status = test.status
		if got, err := c.Holds(s); got != test.want || err != nil {
			t.Errorf("%q with %d is %v (%v)", test.source, test.status, got, err)
		}
	}
	for _, source := range []string{"a ${{ b }}", "${{ a }} b", "${{ a }} && ${{ b }}", "a }} b"} {
		if _, err := ParseCondition(source); err == nil {
			t.Errorf("%q is taken", source)
		}
	}
}

func TestReferences(t *testing.T) {
	tmpl, err := Parse("x ${{ steps.a.outputs.b || secrets[inputs.which] }} ${{ toJSON(secrets) }} ${{ a.*.b }}")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range tmpl.References() {
		text := r.Context + "/" + strings.Join(r.Path, "/")
		if r.Dynamic {
			text += "?"
		}
		got = append(got, text)
	}
	if want := "steps/a/outputs/b secrets/? inputs/which secrets/ a/?"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Values of comparisons hold the laws that their description gives them.
func TestComparisonsAreConsistent(t *testing.T) {
	value := rapid.OneOf(
		rapid.Just[Value](nil), rapid.Map(rapid.Bool(), func(b bool) Value { return b }),
		rapid.Map(rapid.Float64(), func(f float64) Value { return f }), rapid.Map(rapid.String(), func(s string) Value { return s }),
		rapid.Map(rapid.IntRange(-3, 3), func(n int) Value { return String(float64(n)) }), rapid.Just[Value]([]any{1.0}), rapid.Just[Value](map[string]any{}),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		if equal(a, b) != equal(b, a) {
			t.Fatalf("%#v == %#v depends on the side", a, b)
		}
		if less(a, b) && (less(b, a) || less(a, a)) {
			t.Fatalf("%#v < %#v both ways", a, b)
		}
	})
}

// FuzzParse looks for what crashes the package, and for what actionlint's parser takes and ours does not.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"${{ inputs.name }}", "a ${{ contains(fromJSON('[1]'), 1) && steps.x.outputs.y || 'z' }} b", "${{ a.*.b[0]['c'] }}", "${{ !(1 < 2 == true) }}", "${{ -0x1F }}", "${{ format('{0}', 'it''s') }}",
		"echo \"${{ x }}\" '${{ x }}' $(cat <<EOF\n${{ x }}\nEOF\n)", "[[ ${{ x }} -eq 1 ]]", "${{", "}}", "${{ 'a", "run: ${{ run.number }} # it's ${{ y }}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tmpl, err := Parse(source)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Offset > len(source) {
				t.Fatalf("%q: %v", source, err)
			}
		} else {
			_, _ = tmpl.Eval(scope(t))
			_, _, _ = Script(tmpl, "bash")
			Check(tmpl, Env{})
			tmpl.References()
		}
		if c, err := ParseCondition(source); err == nil {
			_, _ = c.Holds(scope(t))
		} else if _, theirs := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(source + "}}")); theirs == nil &&
			!strings.Contains(source, "}") && !strings.Contains(err.Error(), "nests deeper") && !strings.Contains(err.Error(), "is not a number") {
			t.Fatalf("actionlint takes %q, we say %v", source, err)
		}
	})
}
