package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// listing is the answer to a list.
type listing struct {
	revision int64
	objects  []Object
}

// list reads a selection as it is now, in pages when there is a limit, each from some node.
func list(ctx context.Context, c *http.Client, from func() *Node, s Selection, limit int) (l listing, err error) {
	q := s.query()
	if limit > 0 {
		q.Set("limit", fmt.Sprint(limit))
	}
	for {
		page, next, err := readPage(ctx, c, from(), q.Encode())
		if err != nil {
			return l, err
		}
		if l.revision != 0 && page.revision != l.revision {
			return l, fmt.Errorf("a page at %d after one at %d", page.revision, l.revision)
		}
		l.revision = page.revision
		l.objects = append(l.objects, page.objects...)
		if next == "" {
			return l, nil
		}
		q.Set("continue", next)
	}
}

func readPage(ctx context.Context, c *http.Client, node *Node, query string) (l listing, next string, err error) {
	resp, err := send(ctx, c, node, http.MethodGet, collection+"?"+query, nil, nil)
	if err != nil {
		return l, "", brokenError{err}
	}
	if resp.StatusCode != http.StatusOK {
		return l, "", statusError(resp)
	}
	defer resp.Body.Close()
	var body struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
			Continue        string `json:"continue"`
		} `json:"metadata"`
		Items []Object `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return l, "", brokenError{err}
	}
	l.objects = body.Items
	l.revision, err = revision(body.Metadata.ResourceVersion)
	return l, body.Metadata.Continue, err
}

// brokenError is an answer that did not come, or not to its end.
type brokenError struct{ error }

// codeError is an answer that is none.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("answered %d", int(c)) }

func statusError(resp *http.Response) error {
	resp.Body.Close()
	return codeError(resp.StatusCode)
}
