package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
)

// How many records, or links, one answer has: when nothing is said, and at most.
const (
	auditPage    = 500
	auditPageMax = 5000
)

// auditList is a page of records.
type auditList struct {
	Kind       string        `json:"kind"`
	APIVersion string        `json:"apiVersion"`
	Metadata   auditMeta     `json:"metadata"`
	Items      []audit.Entry `json:"items"`
}

// auditMeta has the continue parameter of the next page, empty on the last.
type auditMeta struct {
	Continue string `json:"continue,omitempty"`
}

// auditRecords answers GET /audit/v1/records: what was recorded, the newest first.
func (s *Server) auditRecords(c echo.Context) error {
	q, err := auditQuery(c.QueryParams())
	if err != nil {
		return err
	}
	entries, err := s.cfg.Audit.Records(c.Request().Context(), q)
	if err != nil {
		return err
	}
	list := auditList{Kind: "AuditRecordList", APIVersion: api.APIVersion, Items: entries}
	if list.Items == nil {
		list.Items = []audit.Entry{}
	}
	if len(entries) == q.Limit {
		list.Metadata.Continue = strconv.FormatInt(entries[len(entries)-1].ID, 10)
	}
	return sendAudit(c, list)
}

// auditLinks answers GET /audit/v1/links: the chain that proves the records.
func (s *Server) auditLinks(c echo.Context) error {
	after, err := numberQuery(c.QueryParams(), "after", 0)
	if err != nil {
		return err
	}
	limit, err := limitQuery(c.QueryParams())
	if err != nil {
		return err
	}
	chain, err := s.cfg.Audit.Links(c.Request().Context(), after, limit)
	if err != nil {
		return err
	}
	if chain.Links == nil {
		chain.Links = []audit.Link{}
	}
	return sendAudit(c, struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		audit.Chain
	}{"AuditLinkList", api.APIVersion, chain})
}

func sendAudit(c echo.Context, doc any) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode audit records: %w", err)
	}
	f, err := negotiate(c.Request().Header.Get("Accept"), false)
	if err != nil {
		return err
	}
	return respond(c, form{media: f.media}, http.StatusOK, body, []byte("\n"))
}

// auditQuery reads what records are asked for.
func auditQuery(q url.Values) (audit.Query, error) {
	known := map[string]bool{"since": true, "until": true, "user": true, "verb": true, "resource": true, "namespace": true, "name": true,
		"requestID": true, "code": true, "limit": true, "continue": true, "after": true, "before": true, "oldest": true}
	for name := range q {
		if !known[name] { // a filter that is not applied would hide nothing
			return audit.Query{}, badQuery(name, errors.New("there is no such filter of audit records"))
		}
	}
	found := audit.Query{
		User: q.Get("user"), Verb: q.Get("verb"), Resource: q.Get("resource"),
		Namespace: q.Get("namespace"), Name: q.Get("name"), RequestID: q.Get("requestID"),
	}
	var err error
	if found.Since, err = timeQuery(q, "since"); err != nil {
		return found, err
	}
	if found.Until, err = timeQuery(q, "until"); err != nil {
		return found, err
	}
	if found.Code, err = codeQuery(q.Get("code")); err != nil {
		return found, err
	}
	if found.Limit, err = limitQuery(q); err != nil {
		return found, err
	}
	return found, pageQuery(q, &found)
}

// pageQuery reads which part of the log is asked for, and in which order.
func pageQuery(q url.Values, found *audit.Query) (err error) {
	if found.After, err = numberQuery(q, "after", 0); err != nil {
		return err
	}
	if found.Before, err = numberQuery(q, "before", 0); err != nil {
		return err
	}
	if v := q.Get("oldest"); v != "" {
		if found.Oldest, err = strconv.ParseBool(v); err != nil {
			return badQuery("oldest", errors.New("must be true or false"))
		}
	}
	last, err := numberQuery(q, "continue", 0)
	switch {
	case err != nil || last == 0:
	case found.Oldest:
		found.After = max(found.After, last)
	case found.Before == 0 || last < found.Before:
		found.Before = last
	}
	return err
}

func timeQuery(q url.Values, name string) (t time.Time, err error) {
	if v := q.Get(name); v != "" {
		if t, err = time.Parse(time.RFC3339Nano, v); err != nil {
			err = badQuery(name, fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", v))
		}
	}
	return t, err
}

// codeQuery reads a status code, or a class of them: 4 or 4xx.
func codeQuery(v string) (int, error) {
	if v == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(v, "xx"))
	if err != nil || n < 1 || (n > 5 && n < 100) || n > 599 || (n > 5 && strings.HasSuffix(v, "xx")) {
		return 0, badQuery("code", fmt.Errorf("%q is not a status such as 409, or a class of them such as 4xx", v))
	}
	return n, nil
}

func limitQuery(q url.Values) (int, error) {
	n, err := numberQuery(q, "limit", auditPage)
	return int(max(1, min(n, auditPageMax))), err
}

func numberQuery(q url.Values, name string, otherwise int64) (int64, error) {
	v := q.Get(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return 0, badQuery(name, errors.New("must be a whole number of at least 0"))
	}
	return n, nil
}
