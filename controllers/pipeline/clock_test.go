package pipeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	v1 "github.com/powernode/powernode/api/v1"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The clocks of Berlin went forward on 2026-03-29 from 02:00 to 03:00 and back
// on 2026-10-25 from 03:00 to 02:00; those of Lord Howe Island go by half an hour.
func TestTimesOfASchedule(t *testing.T) {
	for _, test := range []struct {
		what, cron, zone, from string
		want                   []string
	}{
		{"plain", "30 3 * * *", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-01T03:30:00Z", "2026-01-02T03:30:00Z"}},
		{"a word", "@daily", "Asia/Tokyo", "2026-01-01T00:00:00Z", []string{"2026-01-01T15:00:00Z"}},
		{"never the same moment", "0 0 * * *", "UTC", "2026-01-01T00:00:00Z", []string{"2026-01-02T00:00:00Z"}},
		{"summer and winter", "0 12 1 */6 *", "Europe/Berlin", "2026-01-02T00:00:00Z", []string{"2026-07-01T10:00:00Z", "2027-01-01T11:00:00Z"}},
		{"a time that is left out comes right after", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"a time that comes twice counts once", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"between its two times", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"every half hour goes through the gap", "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:20:00Z",
			[]string{"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
		{"and through the hour that repeats", "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:20:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"}},
		{"half an hour forward", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"half an hour back", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"a day that is left out", "0 12 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", []string{"2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"}},
		{"29 February", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
	} {
		c, err := newClock(v1.ScheduleTrigger{Cron: test.cron, Timezone: test.zone})
		if err != nil {
			t.Fatalf("%s: %v", test.what, err)
		}
		from := at(t, test.from)
		for _, want := range test.want {
			from = c.next(from)
			if !from.Equal(at(t, want)) {
				t.Errorf("%s: %s, want %s", test.what, from.UTC().Format(time.RFC3339), want)
				break
			}
		}
	}
}

func TestTimesOnlyGoForward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := newClock(v1.ScheduleTrigger{
			Cron:     rapid.SampledFrom([]string{"30 2 * * *", "*/10 * * * *", "0 */2 * * *", "15 1-3 * * *", "0 0 * * 0", "59 23 31 * *"}).Draw(t, "cron"),
			Timezone: rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca"}).Draw(t, "zone"),
		})
		if err != nil {
			t.Fatal(err)
		}
		from := time.Unix(rapid.Int64Range(1_500_000_000, 1_800_000_000).Draw(t, "from"), 0)
		next := c.next(from)
		if !next.After(from) {
			t.Fatalf("%s comes after %s", next, from)
		}
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(from))-1).Draw(t, "between")))
		if again := c.next(between); !again.Equal(next) {
			t.Fatalf("from %s it is %s, from %s it is %s", from, next, between, again)
		}
		if last := c.latest(from, next); !last.Equal(next) {
			t.Fatalf("the latest of (%s, %s] is %s", from, next, last)
		}
		if last := c.latest(from, next.Add(-1)); !last.IsZero() {
			t.Fatalf("the latest before %s is %s", next, last)
		}
	})
}
