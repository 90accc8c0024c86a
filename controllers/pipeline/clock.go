package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a server without a time zone database of its own knows the zones too

	"github.com/robfig/cron/v3"

	v1 "github.com/powernode/powernode/api/v1"
)

// clock tells the times of one schedule.
type clock struct {
	spec *cron.SpecSchedule
	zone *time.Location
	// hourly: any hour will do, so the line means real time that passes, as in "every 15 minutes".
	hourly bool
}

// starBit marks a field of a cron line that was *, as robfig/cron keeps it.
const starBit = 1 << 63

func newClock(s v1.ScheduleTrigger) (clock, error) {
	zone, err := zoneOf(s)
	if err != nil {
		return clock{}, err
	}
	spec, err := parseCron(s.Cron)
	if err != nil {
		return clock{}, err
	}
	return clock{spec: spec, zone: zone, hourly: spec.Hour&starBit != 0}, nil
}

func zoneOf(s v1.ScheduleTrigger) (*time.Location, error) {
	if s.Timezone == "Local" { // would mean the server's
		return nil, fmt.Errorf("unknown time zone %s", s.Timezone)
	}
	return time.LoadLocation(s.Timezone)
}

func parseCron(line string) (*cron.SpecSchedule, error) {
	if strings.HasPrefix(line, "TZ=") || strings.HasPrefix(line, "CRON_TZ=") {
		return nil, errors.New("the time zone stands in timezone, not in the cron line")
	}
	schedule, err := cron.ParseStandard(line)
	if err != nil {
		return nil, fmt.Errorf("%w; a cron line has five fields (minute, hour, day of month, month, day of week) or is @hourly, @daily, @weekly, @monthly or @yearly", err)
	}
	spec, is := schedule.(*cron.SpecSchedule)
	if !is {
		return nil, errors.New("@every has no fixed times; write a cron line, such as */15 * * * * for every 15 minutes")
	}
	spec.Location = time.UTC // wall clock times are computed as if they were UTC's
	return spec, nil
}

func checkCron(s v1.ScheduleTrigger, zone *time.Location) error {
	spec, err := parseCron(s.Cron)
	if err != nil {
		return err
	}
	if (clock{spec: spec, zone: zone}).next(time.Now()).IsZero() {
		return errors.New("it never comes: there is no such date")
	}
	return nil
}

// next is the first time after t; zero when there is none within five years.
//
// Where clocks are set forward, a time that there is not that day comes when the
// clocks have been set; where they are set back, a time that there is twice comes the
// first time only. A line for any hour is about real time: it neither skips nor repeats.
func (c clock) next(t time.Time) time.Time {
	if c.hourly {
		spec := *c.spec
		spec.Location = c.zone
		return spec.Next(t.In(c.zone))
	}
	wall := c.spec.Next(wallOf(t.In(c.zone)))
	for !wall.IsZero() {
		if real := realOf(wall, c.zone); real.After(t) {
			return real
		}
		wall = c.spec.Next(wall)
	}
	return time.Time{}
}

// wallOf is what the clock shows, as if it were UTC.
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// realOf is the first moment at which the clock shows wall or, when it never does
// on that day, the moment at which the clocks were set past it.
func realOf(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	start, end := t.ZoneBounds()
	switch shown := wallOf(t); {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	}
	if start.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, offsetBefore := start.Add(-1).Zone()
	earlier := t.Add(time.Duration(offset-offsetBefore) * time.Second)
	if earlier.Before(start) && wallOf(earlier).Equal(wall) {
		return earlier
	}
	return t
}

// latest is the last time in (after, until]; zero when there is none. It looks
// back in growing steps, so that a long absence costs little.
func (c clock) latest(after, until time.Time) time.Time {
	for _, back := range []time.Duration{2 * time.Minute, 2 * time.Hour, 3 * 24 * time.Hour, 70 * 24 * time.Hour, 6 * 366 * 24 * time.Hour} {
		from := until.Add(-back)
		if from.Before(after) {
			from = after
		}
		var last time.Time
		for t := c.next(from); !t.IsZero() && !t.After(until); t = c.next(t) {
			last = t
		}
		if !last.IsZero() || from.Equal(after) {
			return last
		}
	}
	return time.Time{}
}
