package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMasks(t *testing.T) {
	key := "-----BEGIN KEY-----\nbGluZSBvbmU=\nline-two/+x\n-----END KEY-----\n"
	for name, c := range map[string]struct {
		secrets   []string
		text, out string
	}{
		"plain":           {[]string{"hunter2"}, "a hunter2 b hunter2", "a *** b ***"},
		"short":           {[]string{"abc", ""}, "abc", "abc"},
		"longer first":    {[]string{"pass", "password"}, "password", "***"},
		"overlapping":     {[]string{"abcdef", "defghi"}, "xabcdefghix", "x***x"},
		"next to another": {[]string{"abcd", "efgh"}, "abcdefgh", "******"},
		"within another":  {[]string{"abcdefgh", "cdef"}, "abcdefgh", "***"},
		"a line of many":  {[]string{key}, "echo line-two/+x", "echo ***"},
		"all lines":       {[]string{key}, "[" + strings.TrimSpace(key) + "]", "[***]"},
		"trimmed":         {[]string{"secret\n"}, "secret", "***"},
		"base64":          {[]string{"secret-value"}, base64.StdEncoding.EncodeToString([]byte("secret-value")), "***"},
		"base64 URL":      {[]string{"se?ret~va>ue"}, base64.URLEncoding.EncodeToString([]byte("se?ret~va>ue")), "***"},
		"query":           {[]string{"a b&c/d"}, "q=" + url.QueryEscape("a b&c/d"), "q=***"},
		"JSON":            {[]string{"a\"b\\c\td"}, string(must(json.Marshal("a\"b\\c\td"))), `"***"`},
	} {
		if got := newMasks(c.secrets...).text(c.text); got != c.out {
			t.Errorf("%s: %q, not %q", name, got, c.out)
		}
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// A secret within a longer base64 text shifts by 0, 1 or 2 bytes.
func TestBase64OfASecretAmongOthers(t *testing.T) {
	const secret = "s3cr3t-t0ken-value"
	for _, before := range []string{"", "u", "us", "use", "user:"} {
		for _, after := range []string{"", "x", "xy", "xyz"} {
			text := base64.StdEncoding.EncodeToString([]byte(before + secret + after))
			got := newMasks(secret).text(text)
			core := base64.RawStdEncoding.EncodeToString([]byte(secret))[4:12]
			if !strings.Contains(got, "***") || len(got) > len(text)-16 || strings.Contains(got, core) {
				t.Errorf("%q: %q", before+secret+after, got)
			}
		}
	}
}

// However a stream is cut into writes, the same comes out, no secret is in it,
// and what can't become a secret is not held back.
func TestMaskedStreams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[ab]{4,7}`), 1, 3).Draw(t, "secrets")
		text := rapid.StringMatching(`[abc\n]{0,60}`).Draw(t, "text")
		m := newMasks(secrets...)
		var out bytes.Buffer
		w := &maskWriter{to: &out, masks: m}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "write")
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if len(w.held) >= m.longest {
				t.Fatalf("%d bytes are held back", len(w.held))
			}
			if sent := text[:len(text)-len(rest)]; strings.HasSuffix(sent, "c") && len(w.held) > 0 {
				t.Fatalf("%q is held back", w.held)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), m.text(text); got != want {
			t.Fatalf("%q in pieces is %q, at once %q", text, got, want)
		}
		for _, secret := range secrets {
			if strings.Contains(out.String(), secret) {
				t.Fatalf("%q shows %q", out.String(), secret)
			}
		}
		if !rapid.Bool().Draw(t, "any") && !strings.ContainsAny(text, "ab") && out.String() != text {
			t.Fatalf("%q became %q", text, out.String())
		}
	})
}
