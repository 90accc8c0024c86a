package audit

import "time"

// Query selects records. The zero value selects all, the newest first.
type Query struct {
	Since, Until time.Time // At is not before Since, and before Until
	User         string    // User or ImpersonatedBy
	Verb         string
	Resource     string // plural
	Namespace    string
	Name         string
	RequestID    string
	// Code is a status, or from 1 to 5 a class of them: 4 is 400 to 499.
	Code int

	// After and Before bound the number, neither included; 0 is no bound. The next
	// page of a list is the one Before (or After) the last record of the page.
	After, Before int64
	Oldest        bool // oldest first
	Limit         int  // 0 is no limit
}

// Codes are the lowest and the highest status that the query selects.
func (q Query) Codes() (from, to int) {
	switch {
	case q.Code == 0:
		return 0, 1 << 30
	case q.Code < 10:
		return q.Code * 100, q.Code*100 + 99
	}
	return q.Code, q.Code
}

// Matches reports whether the query selects a record.
func (q Query) Matches(r Record) bool {
	from, to := q.Codes()
	return !r.At.Before(q.Since) && (q.Until.IsZero() || r.At.Before(q.Until)) &&
		(q.User == "" || q.User == r.User || q.User == r.ImpersonatedBy) &&
		same(q.Verb, r.Verb) && same(q.Resource, r.Resource) && same(q.Namespace, r.Namespace) && same(q.Name, r.Name) &&
		same(q.RequestID, r.RequestID) && from <= r.Code && r.Code <= to &&
		r.ID > q.After && (q.Before == 0 || r.ID < q.Before)
}

// same compares where something is asked for.
func same(want, got string) bool { return want == "" || want == got }
