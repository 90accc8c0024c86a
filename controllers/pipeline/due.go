package pipeline

import (
	"fmt"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
)

// punctual is how late a firing may be and still counts as on time; a server
// that was away for longer has missed it.
const punctual = time.Minute

// firing is a run to be made.
type firing struct {
	schedule v1.ScheduleTrigger
	at       time.Time
}

// timetable is what a pipeline's schedules say at some moment.
type timetable struct {
	firings []firing
	last    time.Time // the latest time that was due, fired or skipped; zero when none was
	next    time.Time // the first time that is not yet due; zero when there is none
}

// pending is the earliest time that has not been acted on.
func (t timetable) pending() time.Time {
	at := t.next
	for _, f := range t.firings {
		if at.IsZero() || f.at.Before(at) {
			at = f.at
		}
	}
	return at
}

// due decides what to fire now. Everything before status.nextScheduleTime has
// been acted on. Of times that passed since, each schedule fires its latest at most: if it is
// not missed, or missed: RunOnce asks for it.
//
// When the spec was changed, or was suspended until now, its times start from now: a new cron line does not
// make up for what it would have done. Only the time that had been announced is
// still kept, if the new spec has it too, as the change may have come between that time and this pass.
func due(obj *object, now time.Time) (timetable, error) {
	var t timetable
	if obj.Spec.Suspended {
		return t, nil
	}
	for i, s := range obj.Spec.Triggers.Schedule {
		c, err := newClock(s)
		if err != nil {
			return t, fmt.Errorf("spec.triggers.schedule[%d]: %w", i, err)
		}
		if at := c.dueAt(obj, now); !at.IsZero() {
			if at.After(t.last) {
				t.last = at
			}
			if now.Sub(at) <= punctual || s.Missed == "RunOnce" {
				t.firings = append(t.firings, firing{s, at})
			}
		}
		if next := c.next(now); t.next.IsZero() || !next.IsZero() && next.Before(t.next) {
			t.next = next
		}
	}
	return t, nil
}

// dueAt is the latest time up to now that nobody has acted on; zero when there is none.
func (c clock) dueAt(obj *object, now time.Time) time.Time {
	announced := obj.Status.NextScheduleTime
	switch {
	case obj.Status.ObservedGeneration == 0 && announced == nil:
		return c.latest(obj.Meta.CreationTimestamp.Time, now)
	case announced == nil || announced.After(now):
		return time.Time{}
	case obj.Status.ObservedGeneration == obj.Meta.Generation:
		return c.latest(announced.Add(-1), now)
	}
	return c.latest(announced.Add(-1), announced.Time)
}
