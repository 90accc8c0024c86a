package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A story is what happened to a run, as testdata/render/*.yaml tells it.
type story struct {
	Now    time.Time `json:"now"`
	Width  int       `json:"width"`
	Height int       `json:"height"`
	Events []struct {
		Run    json.RawMessage `json:"run"`
		Log    *logPart        `json:"log"`
		Text   string          `json:"text"` // of Log
		Notice string          `json:"notice"`
	} `json:"events"`
}

func (s story) events(t *testing.T) (events []event) {
	for _, e := range s.Events {
		next := event{Log: e.Log, Notice: e.Notice}
		if e.Log != nil {
			e.Log.Data = []byte(e.Text)
		}
		if e.Run != nil {
			o := &api.Object{}
			if err := json.Unmarshal(e.Run, o); err != nil {
				t.Fatal(err)
			}
			var err error
			if next.Run, err = decodeRun(o); err != nil {
				t.Fatal(err)
			}
		}
		events = append(events, next)
	}
	return events
}

// TestRender tells each story in plain lines, as a frame of the live view, and as its last one.
func TestRender(t *testing.T) {
	files, err := filepath.Glob("testdata/render/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s story
			if err := yaml.UnmarshalStrict(raw, &s); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			var p plain
			var l live
			got.WriteString("# plain\n")
			for _, e := range s.events(t) {
				l.Event(e)
				for _, text := range p.Event(e) {
					fmt.Fprintln(&got, text)
				}
			}
			for _, text := range p.End() {
				fmt.Fprintln(&got, text)
			}
			frame := l.Frame(s.Now, s.Width, s.Height)
			if len(frame) >= s.Height {
				t.Errorf("the frame has %d lines in a window of %d", len(frame), s.Height)
			}
			write(t, &got, "# live", frame, s.Width)
			write(t, &got, "# at the end", l.Final(s.Now, s.Width), s.Width)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got.String())
		})
	}
}

func write(t *testing.T, got *strings.Builder, title string, lines []line, width int) {
	fmt.Fprintln(got, title)
	for _, l := range lines {
		text := l.String(false)
		if columns(text) >= width {
			t.Errorf("%q does not fit in %d columns", text, width)
		}
		fmt.Fprintln(got, strings.TrimRight(text, " "))
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", file, got)
	}
}

func TestColourOnlyWhereItIsWanted(t *testing.T) {
	l := line{{text: "✓ ", style: green}, {text: "name"}}
	if got := l.String(false); got != "✓ name" {
		t.Errorf("without colour: %q", got)
	}
	if got := l.String(true); got != "\x1b[32m✓ \x1b[0mname" {
		t.Errorf("with colour: %q", got)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                        "plain",
		"\x1b[1;31mred\x1b[0m":         "red",
		"a\tb":                         "a    b",
		"\x1b]0;title\x07x":            "0;titlex",
		"bell\a, back\b":               "bell, back",
		"broken \xff byte, open \x1b[": "broken \uFFFD byte, open ",
		"日本":                           "日本",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestScreenChangesInPlace reads the screen back through a small terminal.
func TestScreenChangesInPlace(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	draw := func(width int, texts ...string) {
		var lines []line
		for _, text := range texts {
			lines = append(lines, line{{text: text}})
		}
		if err := s.Draw(lines, width); err != nil {
			t.Fatal(err)
		}
	}
	draw(20, "head", "one", "two")
	draw(20, "head", "1")
	if got, want := terminal(out.String()), "head\n1\n"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
	before := out.Len()
	draw(20, "head", "1")
	if out.Len() != before {
		t.Errorf("an equal frame wrote %q", out.String()[before:])
	}
	draw(20, "head", "a", "b", "c")
	if got, want := terminal(out.String()), "head\na\nb\nc\n"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
	if err := s.Close(); err != nil || !strings.HasSuffix(out.String(), "\x1b[?25h") {
		t.Error("the cursor was not given back")
	}
}

func TestScreenCountsWrappedRowsOfANarrowedWindow(t *testing.T) {
	s := &screen{out: &bytes.Buffer{}}
	if err := s.Draw([]line{{{text: strings.Repeat("x", 25)}}, {{text: ""}}}, 30); err != nil {
		t.Fatal(err)
	}
	if got := s.rows(10); got != 4 {
		t.Errorf("25 and 0 columns take %d rows of 10, want 4", got)
	}
}

// terminal is what a terminal shows after text: it knows what screen writes and no more.
func terminal(text string) string {
	rows, row := []string{""}, 0
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			n := escapeLength(text)
			switch sequence := text[2:n]; sequence[len(sequence)-1] {
			case 'A':
				var up int
				fmt.Sscanf(sequence, "%dA", &up)
				row -= up
			case 'J':
				rows = rows[:row+1]
				rows[row] = ""
			}
			text = text[n:]
		case text[0] == '\n':
			if row++; row == len(rows) {
				rows = append(rows, "")
			}
			text = text[1:]
		case text[0] == '\r':
			text = text[1:]
		default:
			n := strings.IndexAny(text, "\x1b\n\r")
			rows[row], text = text[:n], text[n:]
		}
	}
	return strings.Join(rows, "\n")
}
