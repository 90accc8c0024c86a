package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/store"
)

// picker chooses one of the versions, which are there and in order.
type picker func([]store.Version) (*store.Version, error)

// historyQuery reads which version is wanted; nil when it is the list.
func historyQuery(r *request) (picker, error) {
	number, at := r.query.Get("generation"), r.query.Get("at")
	switch {
	case number != "" && at != "":
		return nil, apierrors.NewBadRequest("query parameters generation and at: give one of them")
	case number != "":
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 {
			return nil, badQuery("generation", fmt.Errorf("%q is not a whole number of at least 1", number))
		}
		return r.ofGeneration(n), nil
	case at != "":
		t, err := parseMoment(at)
		if err != nil {
			return nil, badQuery("at", err)
		}
		return r.inForce(t), nil
	}
	return nil, nil
}

// historyPage is the part of the generations that limit and continue ask for, with the token of the next page, ""
// on the last, and how many are behind it.
func historyPage(r *request, versions []store.Version) (page []store.Version, next string, left int, err error) {
	limit, err := numberQuery(r.query, "limit", 0)
	if err != nil {
		return nil, "", 0, err
	}
	of := r.listed() + "/" + r.target.name + "/" + subHistory
	if token := r.query.Get("continue"); token != "" {
		at, err := decodeContinue(of, token)
		if err != nil {
			return nil, "", 0, err
		}
		if at.Revision < versions[0].Revision {
			return nil, "", 0, apierrors.NewResourceExpired("the object was replaced by another of its name since the page before: ask without continue")
		}
		behind := func(v store.Version) bool { return v.Revision > at.Revision }
		if i := slices.IndexFunc(versions, behind); i >= 0 {
			versions = versions[i:]
		} else {
			versions = nil
		}
	}
	if limit == 0 || limit >= int64(len(versions)) {
		return versions, "", 0, nil
	}
	page = versions[:limit]
	return page, encodeContinue(of, store.Cursor{Revision: page[limit-1].Revision, Name: r.target.name}), len(versions) - int(limit), nil
}

// parseMoment reads a time. One in whole seconds means all of that second: that is how times
// are shown, in metadata for one.
func parseMoment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z", text)
	}
	if !strings.Contains(text, ".") {
		t = t.Add(time.Second - time.Nanosecond)
	}
	return t, nil
}

func (r *request) ofGeneration(n int64) picker {
	return func(versions []store.Version) (*store.Version, error) {
		for i := range versions {
			if versions[i].Generation == n {
				return &versions[i], nil
			}
		}
		return nil, r.noVersion("generation %d is not kept; generations %d to %d are", n,
			versions[0].Generation, versions[len(versions)-1].Generation)
	}
}

// inForce picks the generation that held at a moment.
func (r *request) inForce(t time.Time) picker {
	return func(versions []store.Version) (*store.Version, error) {
		for i := len(versions) - 1; i >= 0; i-- {
			if !versions[i].At.Truncate(time.Microsecond).After(t) {
				return &versions[i], nil
			}
		}
		return nil, r.noVersion("its history begins at %s with generation %d",
			versions[0].At.UTC().Format(metav1.RFC3339Micro), versions[0].Generation)
	}
}

// noVersion is a 404 that says what there is.
func (r *request) noVersion(format string, args ...any) error {
	missing := apierrors.NewNotFound(r.groupResource(), r.target.name)
	missing.ErrStatus.Message = fmt.Sprintf("%s %q: ", r.groupResource(), r.target.name) + fmt.Sprintf(format, args...)
	return missing
}
