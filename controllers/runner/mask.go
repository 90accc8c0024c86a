package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
)

// shortestMask is the length in bytes below which a secret is not masked: a
// mask for "on" or "7" would black out unrelated text, and so tell the secret.
const shortestMask = 4

const masked = "***"

// masks are the byte strings that must never be seen: every secret, each of its
// lines, and the forms that tools print it in (base64 alone or within something
// longer, URL- and JSON-escaped).
type masks struct {
	byFirst [256][][]byte // the longest first
	longest int
}

func newMasks(secrets ...string) *masks {
	m := &masks{}
	seen := map[string]bool{}
	for _, secret := range secrets {
		for _, form := range forms(secret) {
			if len(form) >= shortestMask && !seen[form] {
				seen[form] = true
				m.byFirst[form[0]] = append(m.byFirst[form[0]], []byte(form))
				m.longest = max(m.longest, len(form))
			}
		}
	}
	for _, list := range m.byFirst {
		slices.SortFunc(list, func(a, b []byte) int { return len(b) - len(a) })
	}
	return m
}

// forms lists how a secret may appear in text.
func forms(secret string) []string {
	parts := []string{secret, strings.TrimSpace(secret)}
	if strings.ContainsAny(secret, "\r\n") {
		for line := range strings.Lines(secret) {
			parts = append(parts, strings.TrimSpace(line))
		}
	}
	var all []string
	for _, part := range parts {
		if len(part) < shortestMask {
			continue
		}
		quoted, _ := json.Marshal(part)
		all = append(all, part, url.QueryEscape(part), url.PathEscape(part), string(quoted[1:len(quoted)-1]))
		all = append(all, base64Forms(part)...)
	}
	return all
}

// base64Forms are the encodings of s alone, and what stays of them wherever s
// lies in a longer encoded text: base64 turns 3 bytes into 4 letters, so there
// are three alignments, each without the letters that mix s with its neighbours.
func base64Forms(s string) []string {
	var all []string
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		all = append(all, e.EncodeToString([]byte(s)))
		raw := e.WithPadding(base64.NoPadding)
		for shift := range 3 {
			text := raw.EncodeToString([]byte(strings.Repeat("\x00", shift) + s))
			first := (shift*8 + 5) / 6        // letters that hold bits of what is before s
			whole := (shift + len(s)) * 8 / 6 // letters that hold nothing of what is after it
			if whole-first >= 2*shortestMask {
				all = append(all, text[first:whole])
			}
		}
	}
	return all
}

// matchAt is the length of the longest mask that data starts with.
func (m *masks) matchAt(data []byte) int {
	for _, form := range m.byFirst[data[0]] {
		if bytes.HasPrefix(data, form) {
			return len(form)
		}
	}
	return 0
}

// undecided reports whether more data could turn rest into the start of a mask.
func (m *masks) undecided(rest []byte) bool {
	for _, form := range m.byFirst[rest[0]] {
		if len(form) > len(rest) && bytes.HasPrefix(form, rest) {
			return true
		}
	}
	return false
}

// text masks a whole string.
func (m *masks) text(s string) string {
	var b bytes.Buffer
	w := maskWriter{to: &b, masks: m}
	_, _ = w.Write([]byte(s)) // a Buffer takes everything
	_ = w.Flush()
	return b.String()
}

// maskWriter masks a stream, wherever it is cut into writes: what could be the
// beginning of a secret is held back until it is clear, at most as long as the
// longest mask. Secrets that overlap are masked as one. Flush at the end.
type maskWriter struct {
	to    io.Writer
	masks *masks
	held  []byte
	cover int // how many of the held bytes belong to a match that was found
}

func (w *maskWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	return len(p), w.pass(false)
}

// Flush writes what is held back.
func (w *maskWriter) Flush() error { return w.pass(true) }

// pass writes all of held that is decided.
func (w *maskWriter) pass(end bool) error {
	out := make([]byte, 0, len(w.held))
	at := 0
	for ; at < len(w.held); at++ {
		rest := w.held[at:]
		if !end && len(rest) < w.masks.longest && w.masks.undecided(rest) {
			break
		}
		if n := w.masks.matchAt(rest); n > 0 {
			if w.cover <= at {
				out = append(out, masked...)
			}
			w.cover = max(w.cover, at+n)
		}
		if at >= w.cover {
			out = append(out, w.held[at])
		}
	}
	w.held = append(w.held[:0], w.held[at:]...)
	w.cover = max(w.cover-at, 0)
	_, err := w.to.Write(out)
	return err
}
