package runner

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
		err  string
	}{
		"empty":         {text: "", want: nil},
		"lines":         {text: "a=1\nb_2-x=two words = \n\nc=", want: map[string]string{"a": "1", "b_2-x": "two words = ", "c": ""}},
		"again":         {text: "a=1\na=2\n", want: map[string]string{"a": "2"}},
		"CRLF":          {text: "a=1\r\nb<<E\r\nx\r\nE\r\n", want: map[string]string{"a": "1", "b": "x"}},
		"block":         {text: "a<<EOF\none\n\n b=c\nEOF\nd=e\n", want: map[string]string{"a": "one\n\n b=c", "d": "e"}},
		"empty block":   {text: "a<<EOF\nEOF\n", want: map[string]string{"a": ""}},
		"= before <<":   {text: "a=x<<EOF\n", want: map[string]string{"a": "x<<EOF"}},
		"neither":       {text: "a=1\nwhat\n", err: `outputs, line 2: "what" is neither name=value nor name<<DELIMITER`},
		"name":          {text: "a=1\n\n2b=1\n", err: `outputs, line 3: "2b" is not a name of an output`},
		"no name":       {text: "=1\n", err: `outputs, line 1: "" is not a name`},
		"no end":        {text: "x=1\na<<EOF\none\n", err: `outputs, line 2: the line "EOF" that ends the value never came`},
		"no delimiter":  {text: "a<<\n", err: "outputs, line 1: a<< needs a delimiter"},
		"after a block": {text: "a<<EOF\n1\n2\nEOF\nbad\n", err: `outputs, line 5: "bad"`},
	} {
		got, err := parseOutputs(strings.NewReader(c.text))
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)):
			t.Errorf("%s: error %v, not %q", name, err, c.err)
		case c.err == "" && !maps.Equal(got, c.want):
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

func TestReadOutputs(t *testing.T) {
	dir := t.TempDir()
	if got, err := readOutputs(filepath.Join(dir, "none")); got != nil || err != nil {
		t.Errorf("no file: %v %v", got, err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, largestOutputs+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readOutputs(large); err == nil || !strings.Contains(err.Error(), "upload an artifact instead") {
		t.Errorf("too large: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/hostname", link); err != nil {
		t.Fatal(err)
	}
	if _, err := readOutputs(link); err == nil {
		t.Error("a link to another file is read")
	}
}

func FuzzParseOutputs(f *testing.F) {
	for _, seed := range []string{"a=1\n", "a<<EOF\nx\nEOF\n", "=\n", "<<\n", "a<<=\n", "\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		outputs, err := parseOutputs(strings.NewReader(text))
		if err != nil {
			return
		}
		for name, value := range outputs {
			if !outputName.MatchString(name) || len(value) > len(text) {
				t.Errorf("%q = %q from %q", name, value, text)
			}
		}
	})
}
