package expression

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// nasty is a value that does harm wherever it becomes shell text.
const nasty = "a  b'\"; $(echo INJECTED) `echo INJECTED` $HOME \\ * \n end"

func runScript(t *testing.T, shell, source string) string {
	t.Helper()
	tmpl, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	script, bindings, err := Script(tmpl, shell)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	cmd := exec.Command(shell, "-c", script)
	cmd.Env = append(os.Environ(), "HOME=/home-of-nobody")
	scope := Scope{Contexts: map[string]Value{"inputs": map[string]any{"x": nasty, "n": 3.0}}}
	for _, b := range bindings {
		v, err := b.Template.Text(scope)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, b.Name+"="+v)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%s\n%v: %s", source, script, err, out)
	}
	return string(out)
}

func TestAValueArrivesUnchangedHoweverItIsQuoted(t *testing.T) {
	const x = "${{ inputs.x }}"
	for source, want := range map[string]string{
		`printf '<%s>' ` + x:                                   "<" + nasty + ">",
		`printf '<%s>' "` + x + `"`:                            "<" + nasty + ">",
		`printf '<%s>' '` + x + `'`:                            "<" + nasty + ">",
		`printf '<%s>' a` + x + `b`:                            "<a" + nasty + "b>",
		`printf '<%s>' "it's ` + x + `" '"` + x + `"'`:         "<it's " + nasty + "><\"" + nasty + "\">",
		`printf '<%s>' "$(printf '<%s>' ` + x + `)"`:           "<<" + nasty + ">>",
		`printf '<%s>' "$(printf '<%s>' '` + x + `')" z`:       "<<" + nasty + ">><z>",
		"# it's " + x + "\nprintf '<%s>' " + x:                 "<" + nasty + ">",
		"V=" + x + "\nprintf '<%s>' \"$V\"":                    "<" + nasty + ">",
		"printf '<%s>' \"${V:-it}\" ${V:-'}'} " + x:            "<it><}><" + nasty + ">",
		"cat <<EOF\nit's " + x + "\nEOF\nprintf '%s' '.'":      "it's " + nasty + "\n.",
		"cat <<'EOF'\nit's\nEOF\nprintf '<%s>' '" + x + "'":    "it's\n<" + nasty + ">",
		"printf '%s' $((1 << 2)) " + x:                         "4" + nasty,
		"printf '%s' a#b ${#V} '" + x + "'":                    "a#b0" + nasty,
		"printf '%s' a\\'b " + x:                               "a'b" + nasty,
		"case a in a) printf '%s' " + x + ";; esac":            nasty,
		"(printf '%s' " + x + ")":                              nasty,
		"cat <<A; cat <<-B\n" + x + "\nA\n\tb" + x + "\n\tB\n": nasty + "\nb" + nasty + "\n",
		"printf '%s' '" + x + "'\\''" + x + "'":                nasty + "'" + nasty,
		"printf '%s' ${{ inputs.n }}":                          "3",
	} {
		for _, shell := range []string{"sh", "bash"} {
			if got := runScript(t, shell, source); got != want {
				t.Errorf("%s: %s\n got %q\nwant %q", shell, source, got, want)
			}
		}
	}
}

func TestBashQuoting(t *testing.T) {
	for source, want := range map[string]string{
		`printf '%s' $'a\'b${{ inputs.x }}\x41'`:               "a'b" + nasty + "A",
		`cat <<< ${{ inputs.x }}`:                              nasty + "\n",
		`if [[ ${{ inputs.n }} == 3 ]]; then printf yes; fi`:   "yes",
		`(( 1 << 2 )); printf '%s' ${{ inputs.x }}`:            nasty,
		`a=(${{ inputs.x }} b); printf '<%s>' "${a[@]}"`:       "<" + nasty + "><b>",
		`if [[ "${{ inputs.x }}" == *b* ]]; then echo -n y;fi`: "y",
	} {
		if got := runScript(t, "bash", source); got != want {
			t.Errorf("%s\n got %q\nwant %q", source, got, want)
		}
	}
}

func TestAPlaceThatIsNotSafeIsRefused(t *testing.T) {
	const x = "${{ inputs.x }}"
	for source, where := range map[string]string{
		"cat <<'EOF'\n" + x + "\nEOF\n":              "whose delimiter is quoted",
		"cat <<\\EOF\n" + x + "\nEOF\n":              "whose delimiter is quoted",
		"cat <<EOF\n$(date) " + x + "\nEOF\n":        "after a substitution",
		"cat <<" + x + "\n":                          "delimiter",
		"echo `echo " + x + "`":                      "within backquotes",
		"echo $((1 + " + x + "))":                    "within (( ))",
		"((a = " + x + "))":                          "within (( ))",
		"echo ${V:-" + x + "}":                       "within ${ }",
		"echo \"${V:-" + x + "}\"":                   "within ${ }",
		"echo \\" + x:                                "after a backslash",
		"echo $" + x:                                 "right after a $",
		"echo $(case a in a) echo " + x + ";; esac)": "case",
		"[[ " + x + " -eq 1 ]]":                      "arithmetic",
		"[[ 1 -lt " + x + " ]]":                      "arithmetic",
	} {
		tmpl, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Script(tmpl, "bash")
		if err == nil || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), "env") {
			t.Errorf("%s: %v, want it refused %q", source, err, where)
		}
	}
	tmpl, _ := Parse("print('" + x + "')")
	if _, _, err := Script(tmpl, "python3"); err == nil || !strings.Contains(err.Error(), "in a script for python3") {
		t.Errorf("python: %v", err)
	}
}
