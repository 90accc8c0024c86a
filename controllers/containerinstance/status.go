package containerinstance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/reconcile"
)

// verdict is how a pass ended, for the Ready condition.
func (p *pass) verdict(now time.Time) (reconcile.Result, error) {
	result, err := p.standing(now)
	if p.unstored {
		result.After = settle
	}
	return result, err
}

func (p *pass) standing(now time.Time) (reconcile.Result, error) {
	s := p.obj.Status
	switch s.Phase {
	case v1.InstanceCompleted:
		return reconcile.Result{Reason: reasonCompleted, After: p.expiry(now)}, nil
	case v1.InstanceFailed, v1.InstanceTimeout, v1.InstanceCancelled:
		after := p.expiry(now)
		if after == 0 {
			after = p.until(0)
		}
		return reconcile.Result{After: after}, reconcile.Permanent(reconcile.Because(s.Reason, errors.New(s.Message)))
	case v1.InstanceRunning:
		return p.whileRunning()
	}
	result := reconcile.Result{After: p.until(resync)}
	result.Waiting, result.Reason = p.starting()
	return result, nil
}

// starting is what holds up a start: the host, or nothing but time.
func (p *pass) starting() (words, reason string) {
	if p.host.why != nil {
		return p.host.why.message, p.host.why.reason
	}
	return "the container is being started", "Starting"
}

// whileRunning is about what runs: a Service that does is what was wished, a Job is on its way.
func (p *pass) whileRunning() (reconcile.Result, error) {
	result := reconcile.Result{Reason: "Running", After: p.until(resync)}
	current, _ := p.observed.sort()
	switch s := p.obj.Status; {
	case s.RetryAt != nil:
		result.Waiting, result.Reason = fmt.Sprintf("the container is started again at %s", s.RetryAt.UTC().Format(time.RFC3339)), "BackOff"
	case p.desired.hash != s.SpecHash && p.host.why != nil:
		result.Waiting, result.Reason = p.host.why.message+": the new spec has to wait", p.host.why.reason
	case current == nil || current.State == docker.Created:
		result.Waiting, result.Reason = p.starting()
	case current.State == docker.Paused:
		result.Waiting, result.Reason = "the container was paused by somebody else", "Paused"
	case s.Health == "unhealthy" || s.Health == "starting":
		result.Waiting, result.Reason = "the health check says "+s.Health, "Unhealthy"
	case !p.desired.service:
		result.Waiting = "the container is running"
	}
	return result, nil
}

// conditions says in a Job's own conditions how its present execution ended.
func (p *pass) conditions() {
	s := &p.obj.Status
	if p.desired.service {
		return
	}
	set := func(kind string, is bool) {
		if !is {
			meta.RemoveStatusCondition(&s.Conditions, kind)
			return
		}
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: s.Reason, Message: s.Message,
			LastTransitionTime: metav1.NewTime(timeOf(s.Finished)),
		})
	}
	set(v1.InstanceComplete, s.Phase == v1.InstanceCompleted)
	set(v1.InstanceFailure, ended(s.Phase) && s.Phase != v1.InstanceCompleted)
}

// tell the owner what happened.
func (p *pass) tell(o op) {
	s := p.obj.Status
	switch o.do {
	case opStart:
		p.obj.Eventf("Normal", "Started", "started the container of execution %s on DockerHost %s", s.ExecutionID, p.host.key.Name)
	case opPause, opRetry:
		p.obj.Eventf("Warning", o.reason, "the container of execution %s is down", s.ExecutionID)
	case opFinish:
		if o.phase == v1.InstanceCompleted {
			p.obj.Eventf("Normal", o.reason, "execution %s is completed", s.ExecutionID)
		} else {
			p.obj.Eventf("Warning", o.reason, "execution %s ended: %s", s.ExecutionID, o.message)
		}
	}
}

// expiry is how long a finished Job still has, by ttlSecondsAfterFinished; 0 without one.
func (p *pass) expiry(now time.Time) time.Duration {
	ttl, s := p.obj.Spec.TTLSecondsAfterFinished, p.obj.Status
	if ttl == nil || p.desired.service || s.Finished == nil {
		return 0
	}
	return max(s.Finished.Add(seconds(*ttl)).Sub(now), settle)
}

// expire deletes a finished Job whose time is over. Its end must have been stored first.
func (p *pass) expire(ctx context.Context, now time.Time) error {
	ttl, s := p.obj.Spec.TTLSecondsAfterFinished, p.obj.Status
	if p.unstored || ttl == nil || p.desired.service || !ended(s.Phase) || s.Finished == nil {
		return nil
	}
	if now.Before(s.Finished.Add(seconds(*ttl))) {
		return nil
	}
	return p.obj.Objects.Delete(ctx, p.obj.Key)
}
