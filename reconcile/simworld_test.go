package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const (
	simHost     = "DockerHost.example.org"
	simInstance = "ContainerInstance.example.org"
	// simTakes is how long a host takes to answer.
	simTakes = 10 * time.Millisecond
)

// simSize is how large a simulation is.
type simSize struct{ members, hosts, instances int }

func (s simSize) String() string {
	return fmt.Sprintf("%d members, %d hosts, %d instances", s.members, s.hosts, s.instances)
}

// simulation is a fleet on hosts that do not exist, with the instances on them.
type simulation struct {
	*fleet
	size    simSize
	running []*process

	world   sync.Mutex
	hanging map[string]chan struct{} // hosts that do not answer, until closed
	wished  map[api.Key]simWish      // what no pass has brought about yet
	longest time.Duration            // from such a wish to the pass that brought it about
	worked  int                      // passes
	born    int                      // members that joined later
}

// simWish is the size that an owner wants of an object, and since when.
type simWish struct {
	size int
	at   time.Time
}

func newSimulation(t *testing.T, size simSize) *simulation {
	s := &simulation{size: size, hanging: map[string]chan struct{}{}, wished: map[api.Key]simWish{}}
	onHost := reconcile.Shard(func(obj *api.Object) string {
		var spec widgetSpec
		if json.Unmarshal(obj.Spec, &spec) != nil || spec.Ref == "" {
			return obj.Name
		}
		return spec.Ref
	})
	s.fleet = newFleet(t, func(p *process) []reconcile.Kind {
		return []reconcile.Kind{
			reconcile.For(simHost, funcs{reconcile: s.pass(p)}, onHost),
			reconcile.For(simInstance, funcs{reconcile: s.pass(p)}, onHost),
		}
	})
	for i := range size.members {
		s.running = append(s.running, s.start(fmt.Sprint("m", i)))
	}
	return s
}

// pass is the controller of both kinds in a process.
func (s *simulation) pass(p *process) pass {
	return func(ctx context.Context, obj *object) (reconcile.Result, error) {
		now := p.begin(ctx, obj.Key)
		defer now.end(obj.Key)
		host := obj.Name
		if obj.Spec.Ref != "" {
			host = obj.Spec.Ref
			if _, err := obj.Objects.Get(ctx, s.hostKey(obj.Namespace, host)); err != nil {
				return reconcile.Result{}, err
			}
		}
		err := s.ask(ctx, host)
		p.step()
		if err != nil || ctx.Err() != nil {
			return reconcile.Result{}, errors.Join(err, ctx.Err())
		}
		now.act(ctx, obj.Key)
		s.brought(obj.Key, obj.Spec.Size)
		return reconcile.Done, nil
	}
}

// ask waits for the answer of a host.
func (s *simulation) ask(ctx context.Context, host string) error {
	s.world.Lock()
	s.worked++
	hangs := s.hanging[host]
	s.world.Unlock()
	answer := time.After(simTakes)
	if hangs != nil {
		answer = nil
	}
	select {
	case <-answer:
	case <-hangs:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// brought notes that a pass brought about what was wished.
func (s *simulation) brought(key api.Key, size int) {
	s.world.Lock()
	defer s.world.Unlock()
	if wish, ok := s.wished[key]; ok && wish.size == size {
		s.longest = max(s.longest, time.Since(wish.at))
		delete(s.wished, key)
	}
}

func (s *simulation) hostKey(namespace, name string) api.Key {
	return api.Key{Kind: simHost, Namespace: namespace, Name: name}
}

// nameOf is the namespace and name of a host; hosts come in the order of their keys.
func (s *simulation) nameOf(host int) (namespace, name string) {
	return fmt.Sprintf("team-%02d", host*50/s.size.hosts), fmt.Sprintf("host-%05d", host)
}

func (s *simulation) instanceKey(i int) api.Key {
	each := s.size.instances / s.size.hosts
	namespace, host := s.nameOf(i / each)
	return api.Key{Kind: simInstance, Namespace: namespace, Name: fmt.Sprintf("%s-%03d", host, i%each)}
}

// populate makes all hosts, lets them settle, and then the instances.
func (s *simulation) populate(t *testing.T) {
	t.Helper()
	for i := range s.size.hosts {
		namespace, name := s.nameOf(i)
		s.create(t, i, s.hostKey(namespace, name), widgetSpec{Size: 1})
	}
	elapse(time.Minute)
	for i := range s.size.instances {
		_, host := s.nameOf(i / (s.size.instances / s.size.hosts))
		s.create(t, i, s.instanceKey(i), widgetSpec{Size: 1, Ref: host})
	}
}

// create makes an object, the n-th of its kind, and now and then waits for the followers.
func (s *simulation) create(t *testing.T, n int, key api.Key, spec widgetSpec) {
	t.Helper()
	obj := reconciletest.Object(key.Kind, key.Namespace+"/"+key.Name, spec)
	s.world.Lock()
	s.wished[key] = simWish{spec.Size, time.Now()}
	s.world.Unlock()
	if _, err := s.store.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	if n%500 == 499 {
		synctest.Wait()
	}
}

// wish changes the spec of every n-th instance, but of those on hosts that hang.
func (s *simulation) wish(t *testing.T, every, size int) {
	t.Helper()
	for i := 0; i < s.size.instances; i += every {
		if !s.hangs(i) {
			s.world.Lock()
			s.wished[s.instanceKey(i)] = simWish{size, time.Now()}
			s.world.Unlock()
			s.resize(t, i, size)
		}
	}
}

// disturb changes the spec of every instance on a host that hangs.
func (s *simulation) disturb(t *testing.T, size int) {
	t.Helper()
	for i := range s.size.instances {
		if s.hangs(i) {
			s.resize(t, i, size)
		}
	}
}

func (s *simulation) hangs(instance int) bool {
	_, host := s.nameOf(instance / (s.size.instances / s.size.hosts))
	s.world.Lock()
	defer s.world.Unlock()
	return s.hanging[host] != nil
}

// resize changes the spec of an instance; a pass may write it at the same time.
func (s *simulation) resize(t *testing.T, i, size int) {
	t.Helper()
	for {
		live, err := s.store.Get(t.Context(), s.instanceKey(i))
		if err != nil {
			t.Fatal(err)
		}
		var spec widgetSpec
		if err := json.Unmarshal(live.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		spec.Size = size
		next := live.Clone()
		if next.Spec, err = json.Marshal(spec); err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.Update(t.Context(), next); err == nil {
			return
		} else if !errors.Is(err, api.ErrConflict) {
			t.Fatal(err)
		}
	}
}

// hang has every n-th host answer no more, until the function that it returns is called.
func (s *simulation) hang(every int) (heal func()) {
	s.world.Lock()
	defer s.world.Unlock()
	silent := make(chan struct{})
	for i := 0; i < s.size.hosts; i += every {
		_, name := s.nameOf(i)
		s.hanging[name] = silent
	}
	return func() {
		s.world.Lock()
		defer s.world.Unlock()
		clear(s.hanging)
		close(silent)
	}
}

// join starts one more member.
func (s *simulation) join() {
	s.born++
	s.running = append(s.running, s.start(fmt.Sprint("later", s.born)))
}

// leave takes the member that has been there for the longest off the list.
func (s *simulation) leave() *process {
	p := s.running[0]
	s.running = s.running[1:]
	return p
}

// churn has a member join, be drained, killed, or stalled for a while, one after the other.
func (s *simulation) churn(lasts time.Duration, then func()) {
	var stalled []*process
	for n, end := 0, time.Now().Add(lasts); time.Now().Before(end); n++ {
		switch n % 5 {
		case 0, 2:
			s.join()
		case 1:
			stalled = append(stalled, s.leave())
			stalled[0].freeze()
		case 3:
			s.leave().kill()
		case 4:
			s.leave().drain()
			stalled[0].thaw()
			s.running, stalled = append(s.running, stalled[0]), stalled[1:]
		}
		then()
		elapse(20 * time.Second)
	}
	for _, p := range stalled {
		p.thaw()
		s.running = append(s.running, p)
	}
}
