package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

// Fake time starts at midnight, 2000-01-01 UTC.

type bench struct {
	*reconciletest.World
	t *testing.T
}

func inBench(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&bench{reconciletest.Settle(t, []reconcile.Kind{Kind()}), t})
	})
}

func (b *bench) pipeline(spec string) {
	b.t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(spec))
	if err != nil {
		b.t.Fatal(err)
	}
	b.Apply(reconciletest.Object(v1.Pipeline, "default/p", json.RawMessage(raw)))
}

func (b *bench) status() v1.PipelineStatus {
	b.t.Helper()
	return reconciletest.Get[v1.PipelineSpec, v1.PipelineStatus](b.World, v1.Pipeline, "default/p").Status
}

// fired are the scheduled times of the runs that there are.
func (b *bench) fired() []string {
	b.t.Helper()
	var times []string
	for _, obj := range b.List(v1.PipelineRun) {
		var spec v1.PipelineRunSpec
		if err := json.Unmarshal(obj.Spec, &spec); err != nil {
			b.t.Fatal(err)
		}
		var event struct{ Time string }
		if err := json.Unmarshal(spec.Trigger.Event, &event); err != nil {
			b.t.Fatal(err)
		}
		times = append(times, event.Time[5:16])
	}
	slices.Sort(times)
	return times
}

func (b *bench) wantFired(times ...string) {
	b.t.Helper()
	if got := b.fired(); !slices.Equal(got, times) {
		b.t.Errorf("fired %v, want %v", got, times)
	}
}

// end writes a run's status as its controller would.
func (b *bench) end(name, phase string, number int) {
	b.t.Helper()
	obj := b.Object(v1.PipelineRun, "default/"+name).Clone()
	obj.Status = json.RawMessage(fmt.Sprintf(`{"phase":%q,"number":%d}`, phase, number))
	if _, err := b.Store.UpdateStatus(b.t.Context(), obj); err != nil {
		b.t.Fatal(err)
	}
	b.Settle()
}

const hourly = step + "triggers: {schedule: [{cron: '0 * * * *'}]}\n"

func TestAScheduleFiresAtItsTimes(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(hourly)
		b.Advance(59*time.Minute + 59*time.Second)
		b.wantFired()
		b.Advance(time.Second)
		b.wantFired("01-01T01:00")
		b.Advance(2 * time.Hour)
		b.wantFired("01-01T01:00", "01-01T02:00", "01-01T03:00")
		st := b.status()
		if st.ActiveRuns != 3 || st.LastRun == nil || st.Phase != "Active" ||
			st.LastScheduleTime.Hour() != 3 || st.NextScheduleTime.Hour() != 4 {
			t.Errorf("%+v", st)
		}
		run := b.List(v1.PipelineRun)[0]
		var spec v1.PipelineRunSpec
		if err := json.Unmarshal(run.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		if spec.Pipeline == nil || spec.Trigger.Type != "schedule" || len(run.OwnerReferences) != 1 || run.Labels[v1.LabelPipeline] != "p" {
			t.Errorf("%s %+v", run.Spec, run.ObjectMeta)
		}
	})
}

func TestTwoSchedulesAtOneTimeAreTwoRuns(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(step + "triggers: {manual: {inputs: {x: {}}}, schedule: [{cron: '0 * * * *', inputs: {x: a}}, {cron: '0 * * * *', inputs: {x: b}}]}")
		b.Advance(time.Hour)
		b.wantFired("01-01T01:00", "01-01T01:00")
	})
}

func TestACrashNeverDoublesAFiring(t *testing.T) {
	for _, op := range []string{"Create", "UpdateStatus"} {
		inBench(t, func(b *bench) {
			b.pipeline(hourly)
			b.Advance(59 * time.Minute)
			b.Intercept(func(name string, key api.Key) error {
				if name == op && key.Kind != v1.Event {
					return errors.New("killed")
				}
				return nil
			})
			b.Advance(time.Minute)
			b.Intercept(nil)
			b.Crash()
			b.Advance(30 * time.Second)
			b.wantFired("01-01T01:00")
			if st := b.status(); b.Ready(v1.Pipeline, "default/p") != "True Reconciled" || st.LastScheduleTime.Hour() != 1 || st.NextScheduleTime.Hour() != 2 {
				t.Errorf("%s: %s, %+v", op, b.Ready(v1.Pipeline, "default/p"), st)
			}
			b.Advance(time.Hour)
			b.wantFired("01-01T01:00", "01-01T02:00")
		})
	}
}

func TestTwoServersFireOnce(t *testing.T) {
	inBench(t, func(b *bench) {
		other := &reconcile.Manager{Store: b.Store, Kinds: []reconcile.Kind{Kind()}, Log: b.Manager.Log}
		ended := make(chan error)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { ended <- other.Run(ctx) }()
		b.t.Cleanup(func() { cancel(); <-ended })
		b.pipeline(hourly)
		b.Advance(3 * time.Hour)
		b.wantFired("01-01T01:00", "01-01T02:00", "01-01T03:00")
	})
}

func TestTimesThatPassedWhileNoServerRan(t *testing.T) {
	for missed, want := range map[string][]string{
		"Skip":    {"01-01T01:00", "01-01T06:00"},
		"RunOnce": {"01-01T01:00", "01-01T05:00", "01-01T06:00"},
	} {
		inBench(t, func(b *bench) {
			b.pipeline(step + "triggers: {schedule: [{cron: '0 * * * *', missed: " + missed + "}]}")
			b.Advance(time.Hour + time.Minute)
			b.Become(nil)
			b.Advance(4*time.Hour + 10*time.Minute)
			b.Become([]reconcile.Kind{Kind()})
			b.Advance(time.Hour)
			b.wantFired(want...)
		})
	}
}

func TestASuspendedPipelineDoesNotFire(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(hourly + "suspended: true\n")
		b.Advance(2*time.Hour + 30*time.Minute)
		b.wantFired()
		if st := b.status(); st.Phase != "Suspended" || st.NextScheduleTime != nil {
			t.Errorf("%+v", st)
		}
		b.pipeline(hourly)
		b.Advance(time.Hour)
		b.wantFired("01-01T03:00")
	})
}

func TestANewCronLineStartsFromNow(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(step + "triggers: {schedule: [{cron: '0 3 * * *', missed: RunOnce}]}")
		b.Advance(12*time.Hour + 30*time.Second)
		b.pipeline(step + "triggers: {schedule: [{cron: '0 12 * * *', missed: RunOnce}]}")
		b.Advance(time.Hour)
		b.wantFired("01-01T03:00")
		b.Advance(24 * time.Hour)
		b.wantFired("01-01T03:00", "01-02T12:00")
	})
}

func TestAChangeAtTheVeryMomentLosesNoFiring(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(hourly)
		b.Advance(30 * time.Minute)
		b.Become(nil)
		b.Advance(30*time.Minute + time.Second)
		b.pipeline(hourly + "description: changed after the time, before the pass\n")
		b.Become([]reconcile.Kind{Kind()})
		b.wantFired("01-01T01:00")
	})
}

func TestOnlySoManyEndedRunsAreKept(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(hourly + "historyLimit: 2\n")
		b.Advance(5 * time.Hour)
		runs := b.List(v1.PipelineRun)
		for i, run := range runs[:4] {
			b.end(run.Name, v1.RunSuccess, i+1)
		}
		b.wantFired("01-01T03:00", "01-01T04:00", "01-01T05:00")
		if st := b.status(); st.ActiveRuns != 1 || st.LastNumber != 4 {
			t.Errorf("%+v", st)
		}
	})
}

func TestDeleteWaitsForItsRuns(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(hourly)
		b.Advance(time.Hour)
		run := b.List(v1.PipelineRun)[0].Clone()
		run.Finalizers = []string{"example.com/busy"}
		if _, err := b.Store.Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		b.Delete(v1.Pipeline, "default/p")
		if got := b.Ready(v1.Pipeline, "default/p"); got != "False Waiting: its runs to be deleted" {
			t.Error(got)
		}
		run = b.Object(v1.PipelineRun, "default/"+run.Name).Clone()
		if run.DeletionTimestamp == nil {
			t.Error("the run is not being deleted")
		}
		run.Finalizers = nil
		if _, err := b.Store.Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		b.Settle()
		if b.Exists(v1.Pipeline, "default/p") {
			t.Error("the pipeline is still there")
		}
	})
}

func TestAnIdlePipelineWritesNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(step + "triggers: {schedule: [{cron: '0 3 * * *'}]}")
		b.NoWrites(func() { b.Advance(2 * time.Hour) })
	})
}

func TestAChangedLineMakesUpForTheAnnouncedTimeOnly(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline(step + "triggers: {schedule: [{cron: '0 3 * * *', missed: RunOnce}]}")
		b.Become(nil)
		b.Advance(12*time.Hour + 30*time.Minute)
		b.pipeline(step + "triggers: {schedule: [{cron: '0 3,12 * * *', missed: RunOnce}]}")
		b.Become([]reconcile.Kind{Kind()})
		b.wantFired("01-01T03:00")
	})
}

func TestAFiringThatFailsIsMadeUpFor(t *testing.T) {
	inBench(t, func(b *bench) {
		b.Become(nil)
		b.pipeline(step + "triggers: {schedule: [{cron: '0 * * * *', missed: RunOnce}]}")
		b.Advance(90 * time.Minute)
		failures := 3
		b.Intercept(func(op string, key api.Key) error {
			if op == "Create" && key.Kind == v1.PipelineRun && failures > 0 {
				failures--
				return errors.New("the database is away")
			}
			return nil
		})
		b.Become([]reconcile.Kind{Kind()})
		b.wantFired()
		b.Advance(20 * time.Minute)
		b.wantFired("01-01T01:00")
	})
}
