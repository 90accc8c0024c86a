package pipeline

import (
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// inputs checks the declarations: names, and defaults that would be accepted.
func (a *admission) inputs() {
	path := a.path.Child("triggers", "manual", "inputs")
	declared := flow.Declared(&a.spec)
	for _, name := range sortedKeys(declared) {
		at, input := path.Key(name), declared[name]
		if !identifier.MatchString(name) {
			a.invalid(at, name, identifierRule)
		}
		if input.Pattern != "" {
			a.pattern(at.Child("pattern"), input)
		}
		if len(input.Default) > 0 {
			a.add(flow.CheckInput(at.Child("default"), input, input.Default)...)
		}
	}
}

func (a *admission) pattern(path *field.Path, input v1.Input) {
	if _, err := regexp.Compile(input.Pattern); err != nil {
		a.invalid(path, input.Pattern, "%s", err)
	}
}

// schedules checks cron lines, time zones, and that runs could be made.
func (a *admission) schedules() {
	for i, s := range a.spec.Triggers.Schedule {
		path := a.path.Child("triggers", "schedule").Index(i)
		if zone, err := zoneOf(s); err != nil {
			a.invalid(path.Child("timezone"), s.Timezone, "unknown time zone; give a name like Europe/Berlin, or UTC")
		} else if err := checkCron(s, zone); err != nil {
			a.invalid(path.Child("cron"), s.Cron, "%s", err)
		}
		_, wrong := flow.Inputs(path.Child("inputs"), flow.Declared(&a.spec), s.Inputs)
		a.add(wrong...)
	}
}
