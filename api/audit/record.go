package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is one call: who did what from where, and what came of it. Old and New
// are the object before and after, with secrets taken out by whoever makes the record.
type Record struct {
	// ID is the record's number, that of the revision at which its effect was
	// committed. It is given at the commit, and is no part of the document.
	ID             int64           `json:"id,omitempty"`
	At             time.Time       `json:"at"`
	RequestID      string          `json:"requestID,omitempty"`
	User           string          `json:"user,omitempty"` // whose rights counted
	UserID         string          `json:"userID,omitempty"`
	Groups         []string        `json:"groups,omitempty"`
	ImpersonatedBy string          `json:"impersonatedBy,omitempty"` // who called in the name of User
	SourceIP       string          `json:"sourceIP,omitempty"`
	UserAgent      string          `json:"userAgent,omitempty"`
	Verb           string          `json:"verb"`
	Group          string          `json:"group,omitempty"`
	Version        string          `json:"version,omitempty"`
	Resource       string          `json:"resource,omitempty"` // plural
	Subresource    string          `json:"subresource,omitempty"`
	Namespace      string          `json:"namespace,omitempty"`
	Name           string          `json:"name,omitempty"`
	Path           string          `json:"path,omitempty"` // of a call that is about no resource
	UID            string          `json:"uid,omitempty"`
	Code           int             `json:"code"`              // HTTP status of the answer
	Reason         string          `json:"reason,omitempty"`  // of a refusal, as in Status
	Message        string          `json:"message,omitempty"` // of a refusal, and what else is to be said
	Old            json.RawMessage `json:"old,omitempty"`
	New            json.RawMessage `json:"new,omitempty"`
}

// What a caller can choose is cut, so that nobody fills the log with one call.
const (
	maxText   = 1024 // bytes
	maxGroups = 100
)

// Entry is a record as it lies in the log: with its number, and the document that its hash is over.
type Entry struct {
	Record
	// Document is the record without its number, exactly as it was encoded when it was made.
	Document json.RawMessage
}

// Encode makes the document of a record. Texts are cut to a bounded length, the
// time to microseconds, so the Entry's Record is what a reader gets.
func Encode(r Record) (Entry, error) {
	r.ID = 0
	r.At = r.At.UTC().Truncate(time.Microsecond)
	for _, s := range r.texts() {
		*s = text(*s)
	}
	groups := r.Groups[:min(len(r.Groups), maxGroups)]
	r.Groups = nil
	for _, g := range groups {
		r.Groups = append(r.Groups, text(g))
	}
	document, err := json.Marshal(r)
	if err != nil {
		return Entry{}, fmt.Errorf("encode the audit record of %s %s %s/%s: %w", r.Verb, r.Resource, r.Namespace, r.Name, err)
	}
	return Entry{r, document}, nil
}

// texts are the fields of free text.
func (r *Record) texts() []*string {
	return []*string{
		&r.RequestID, &r.User, &r.UserID, &r.ImpersonatedBy, &r.SourceIP, &r.UserAgent, &r.Verb, &r.Group, &r.Version, &r.Resource,
		&r.Subresource, &r.Namespace, &r.Name, &r.Path, &r.UID, &r.Reason, &r.Message,
	}
}

// text is a string that any log can keep: valid, without NUL, and not too long.
func text(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Decode is the entry of a document that was kept under a number.
func Decode(id int64, document []byte) (Entry, error) {
	e := Entry{Document: document}
	if err := json.Unmarshal(document, &e.Record); err != nil {
		return Entry{ID(id), document}, fmt.Errorf("decode the audit record %d: %w", id, err)
	}
	e.ID = id
	return e, nil
}

// ID is a record of which nothing but its number is known.
func ID(id int64) Record { return Record{ID: id} }

// MarshalJSON writes the document with the number in front; UnmarshalJSON finds
// the very bytes of the document in it again.
func (e Entry) MarshalJSON() ([]byte, error) {
	if len(e.Document) < len(`{}`) || e.Document[0] != '{' {
		return nil, fmt.Errorf("the audit record %d has no document", e.ID)
	}
	return append(fmt.Appendf(nil, `{"id":%d,`, e.ID), e.Document[1:]...), nil
}

// UnmarshalJSON implements json.Unmarshaler; white space between the fields may have changed.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var plain bytes.Buffer
	if err := json.Compact(&plain, data); err != nil {
		return err
	}
	var id int64
	if _, err := fmt.Sscanf(plain.String(), `{"id":%d,`, &id); err != nil {
		return fmt.Errorf("an audit record begins with its id: %w", err)
	}
	_, rest, _ := strings.Cut(plain.String(), ",")
	decoded, err := Decode(id, []byte("{"+rest))
	*e = decoded
	return err
}
