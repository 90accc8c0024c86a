package containerinstance

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) *metav1.Time { return stamp(noon.Add(d)) }

// recorded is a status of execution 1 of spec "h" in a phase.
func recorded(phase string, change ...func(*v1.ContainerInstanceStatus)) v1.ContainerInstanceStatus {
	s := v1.ContainerInstanceStatus{Queued: after(0), Provisioning: after(0), ContainerID: "c"}
	s.ExecutionID, s.SpecHash, s.Phase, s.Attempts = "1", "h", phase, 1
	if phase == v1.InstanceRunning {
		s.Started = after(0)
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func has(state docker.State, change ...func(*docker.Container)) []docker.Container {
	c := docker.Container{ID: "c", State: state, Started: noon, Finished: noon.Add(time.Minute), Labels: map[string]string{
		labelExecution: "1", labelAttempt: "1", v1.LabelSpecHash: "h",
	}}
	for _, f := range change {
		f(&c)
	}
	return []docker.Container{c}
}

func TestPlan(t *testing.T) {
	job := desired{hash: "h", mayPlace: true, timeout: time.Hour, restart: v1.RestartAlways}
	svc := job
	svc.service = true
	with := func(d desired, change func(*desired)) desired { change(&d); return d }
	exit := func(code int) func(*docker.Container) { return func(c *docker.Container) { c.ExitCode = code } }
	cases := []struct {
		name string
		d    desired
		o    observed
		at   time.Duration
		want []doing
	}{
		{"a new object", job, observed{}, 0, []doing{opBegin}},
		{"a new object, the host away", job, observed{blind: true}, 0, []doing{opBegin}},
		{"pending", job, observed{status: recorded(v1.InstancePending)}, 0, []doing{opProvision}},
		{"pending, the host takes nothing", with(job, func(d *desired) { d.mayPlace = false }), observed{status: recorded(v1.InstancePending)}, 0, nil},
		{"pending too long", with(job, func(d *desired) { d.mayPlace = false }), observed{status: recorded(v1.InstancePending)}, 15 * time.Minute, []doing{opFinish}},
		{"pending too long, the host away", job, observed{status: recorded(v1.InstancePending), blind: true}, 15 * time.Minute, []doing{opFinish}},
		{"provisioning", job, observed{status: recorded(v1.InstanceProvisioning)}, 0, []doing{opImage, opCreate}},
		{"created", job, observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Created)}, 0, []doing{opStart}},
		{"created, networks missing", with(job, func(d *desired) { d.networks = []string{"a", "b"} }), observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Created)}, 0, []doing{opConnect, opConnect, opStart}},
		{"started", job, observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Running)}, 0, []doing{opRunning}},
		{"provisioning too long", job, observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Created)}, 10 * time.Minute, []doing{opRemove, opFinish}},
		{"a job that runs", job, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, time.Minute, nil},
		{"a job out of time", job, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, time.Hour + time.Second, []doing{opTimedOut, opStop}},
		{"a job out of time, the host away", job, observed{status: recorded(v1.InstanceRunning), blind: true}, 2 * time.Hour, nil},
		{"a job that ended", job, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Exited)}, 2 * time.Hour, []doing{opKeepLog, opFinish}},
		{"a job that failed", job, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Exited, exit(1))}, time.Minute, []doing{opKeepLog, opFinish}},
		{"a job that failed, to be tried again", with(job, func(d *desired) { d.retries = 1 }), observed{status: recorded(v1.InstanceRunning), containers: has(docker.Exited, exit(1))}, time.Minute, []doing{opKeepLog, opRetry}},
		{"an end, the container still there", job, observed{status: recorded(v1.InstanceCompleted), containers: has(docker.Exited)}, 0, []doing{opRemove}},
		{"an end", job, observed{status: recorded(v1.InstanceCompleted)}, time.Hour, nil},
		{"an end, and a new spec", with(job, func(d *desired) { d.hash = "i" }), observed{status: recorded(v1.InstanceCompleted)}, 0, []doing{opBegin}},
		{"cancelled while it runs", with(job, func(d *desired) { d.cancel = true }), observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, 0, []doing{opStop}},
		{"cancelled and stopped", with(job, func(d *desired) { d.cancel = true }), observed{status: recorded(v1.InstanceRunning), containers: has(docker.Exited, exit(143))}, 0, []doing{opKeepLog, opFinish}},
		{"a service that runs", svc, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, 100 * time.Hour, nil},
		{"a service whose container is gone", svc, observed{status: recorded(v1.InstanceRunning)}, time.Hour, []doing{opPause}},
		{"a service whose container has ended", svc, observed{status: recorded(v1.InstanceRunning), containers: has(docker.Exited)}, time.Hour, []doing{opPause}},
		{"a pause that is not over", svc, observed{status: recorded(v1.InstanceRunning, func(s *v1.ContainerInstanceStatus) { s.RetryAt = after(time.Hour) }), containers: has(docker.Exited)}, time.Minute, nil},
		{"a pause that is over", svc, observed{status: recorded(v1.InstanceRunning, func(s *v1.ContainerInstanceStatus) { s.RetryAt = after(time.Minute) }), containers: has(docker.Exited)}, time.Minute, []doing{opStart, opRunning}},
		{"a pause in maintenance", with(svc, func(d *desired) { d.mayPlace = false }), observed{status: recorded(v1.InstanceRunning, func(s *v1.ContainerInstanceStatus) { s.RetryAt = after(0) }), containers: has(docker.Exited)}, time.Minute, nil},
		{"a service with a new spec", with(svc, func(d *desired) { d.hash = "i" }), observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, 0, []doing{opImage, opStop, opKeepLog, opBegin}},
		{"a service that gave up", svc, observed{status: recorded(v1.InstanceFailed, func(s *v1.ContainerInstanceStatus) { s.Reason, s.Finished = reasonPendingTimeout, after(0) })}, serviceRetry, []doing{opBegin}},
		{"an earlier execution's container", job, observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Running, func(c *docker.Container) { c.Labels[labelExecution] = "0" })}, 0, []doing{opStop, opRemove}},
		{"a dead container", job, observed{status: recorded(v1.InstanceProvisioning), containers: has(docker.Dead)}, 0, []doing{opRemove}},
		{"being deleted", with(job, func(d *desired) { d.gone = true }), observed{status: recorded(v1.InstanceRunning), containers: has(docker.Running)}, 0, []doing{opStop, opRemove}},
		{"deleted", with(job, func(d *desired) { d.gone = true }), observed{status: recorded(v1.InstanceRunning)}, 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got []doing
			for _, o := range plan(c.d, c.o, noon.Add(c.at)) {
				got = append(got, o.do)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("plan %q, want %q", got, c.want)
			}
		})
	}
}
