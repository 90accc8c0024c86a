package reconcile

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/powernode/powernode/api"
)

func TestConditionsOfAnOutcome(t *testing.T) {
	cases := []struct {
		name string
		out  outcome
		want string
	}{
		{"done", outcome{}, "Ready=True Reconciled"},
		{"done with a reason", outcome{result: Result{Reason: "Completed"}}, "Ready=True Completed"},
		{"waiting", outcome{result: Result{Waiting: "for X"}},
			"Ready=False Waiting for X; Reconciling=True Waiting for X"},
		{"waiting with a reason", outcome{result: Result{Waiting: "for X", Reason: "NoHost"}},
			"Ready=False NoHost for X; Reconciling=True NoHost for X"},
		{"error", outcome{err: errors.New("e")},
			"Ready=False Failed e; Reconciling=True Failed e"},
		{"error with a reason", outcome{err: fmt.Errorf("pull: %w", Because("NoImage", errors.New("e")))},
			"Ready=False NoImage pull: e; Reconciling=True NoImage pull: e"},
		{"permanent", outcome{err: Permanent(errors.New("e"))},
			"Ready=False Failed e; Stalled=True Failed e"},
		{"permanent, wrapped, with a reason", outcome{err: fmt.Errorf("x: %w", Permanent(Because("Bad", errors.New("e"))))},
			"Ready=False Bad x: e; Stalled=True Bad x: e"},
	}
	for _, c := range cases {
		var got []string
		for _, condition := range conditions(c.out, 4, metav1.Now(), nil, nil) {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s=%s %s %s", condition.Type, condition.Status, condition.Reason, condition.Message)))
			if condition.ObservedGeneration != 4 {
				t.Errorf("%s: observedGeneration %d", c.name, condition.ObservedGeneration)
			}
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func outcomes() *rapid.Generator[outcome] {
	return rapid.SampledFrom([]outcome{
		{}, {result: Result{Reason: "Completed"}}, {result: Result{Waiting: "for X"}}, {result: Result{Waiting: "for Y"}},
		{err: errors.New("e")}, {err: Because("R", errors.New("f"))}, {err: Permanent(errors.New("e"))},
	})
}

func TestConditionsAreStableAndDatedByTheirStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var previous []metav1.Condition
		now := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		for range rapid.IntRange(1, 10).Draw(t, "passes") {
			out := outcomes().Draw(t, "outcome")
			left := append([]metav1.Condition{}, previous...)
			if rapid.Bool().Draw(t, "own") {
				left = []metav1.Condition{{Type: "Complete", Status: metav1.ConditionTrue}}
			}
			now = metav1.NewTime(now.Add(time.Minute))
			got := conditions(out, 1, now, left, previous)
			again := conditions(out, 1, metav1.NewTime(now.Add(time.Hour)), got, got)
			if !reflect.DeepEqual(got, again) {
				t.Fatalf("the same outcome twice:\n%v\n%v", got, again)
			}
			for _, c := range got {
				want := now
				for _, was := range previous {
					if was.Type == c.Type && was.Status == c.Status {
						want = was.LastTransitionTime
					}
				}
				if !c.LastTransitionTime.Equal(&want) {
					t.Fatalf("%s dated %v, want %v", c.Type, c.LastTransitionTime, want)
				}
			}
			previous = got
		}
	})
}

func TestWithCommonKeepsTheRestOfAnyStatus(t *testing.T) {
	common := api.CommonStatus{ObservedGeneration: 3}
	cases := map[string]string{
		``:                                      `{"observedGeneration":3}`,
		`null`:                                  `{"observedGeneration":3}`,
		`"what"`:                                `{"observedGeneration":3}`,
		`{"phase":5,"conditions":[{"type":1}]}`: `{"phase":5,"observedGeneration":3}`,
	}
	for status, want := range cases {
		got, err := withCommon(json.RawMessage(status), common)
		if err != nil || !api.SameJSON(got, json.RawMessage(want)) {
			t.Errorf("%s: got %s, %v", status, got, err)
		}
	}
}
