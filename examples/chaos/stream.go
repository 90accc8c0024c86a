package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// event is what a watch sends.
type event struct {
	Type   string `json:"type"`
	Object struct {
		Object
		Code int `json:"code"` // of an ERROR
	} `json:"object"`
	id string // of a server-sent event
}

// stream reads the events of a watch, each a line of JSON or, as sse, a frame of server-sent events.
type stream struct {
	lines *bufio.Reader
	sse   bool
}

func newStream(r io.Reader, sse bool) *stream { return &stream{bufio.NewReader(r), sse} }

// next is the next whole event; what broke off in the middle is none.
func (s *stream) next() (e event, err error) {
	for {
		line, err := s.lines.ReadBytes('\n')
		if err != nil {
			return e, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case !s.sse:
			return e, json.Unmarshal(line, &e)
		case bytes.HasPrefix(line, []byte("data: ")):
			if err := json.Unmarshal(line[len("data: "):], &e); err != nil {
				return e, err
			}
		case bytes.HasPrefix(line, []byte("id: ")):
			e.id = string(line[len("id: "):])
		case len(line) == 0 && e.Type != "":
			return e, nil
		}
	}
}
