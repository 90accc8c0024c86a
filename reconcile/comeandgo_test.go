package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Members join, drain, die and stall at random; no key is ever worked on by two at once, and in
// the end all is as wished.
func TestMembersComeAndGoAndNoKeyIsWorkedOnTwiceAtOnce(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) { comeAndGo(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func comeAndGo(t *testing.T, random *rand.Rand) {
	const widgets, moments = 40, 50
	f := newFleet(t, slowly(1500*time.Millisecond))
	f.make(widgets)
	running := []*process{f.start("p0")}
	var frozen []*process
	pick := func() (p *process) {
		i := random.IntN(len(running))
		p = running[i]
		running = slices.Delete(running, i, i+1)
		return p
	}
	for n := range moments {
		switch what := random.IntN(10); {
		case len(running) < 2 || what < 3 && len(running) < 7:
			running = append(running, f.start(fmt.Sprint("p", n+1)))
		case what == 3:
			pick().drain()
		case what == 4:
			pick().kill()
		case what == 5:
			p := pick()
			p.freeze()
			frozen = append(frozen, p)
		case what == 6 && len(frozen) > 0:
			frozen[0].thaw()
			running, frozen = append(running, frozen[0]), frozen[1:]
		}
		for range random.IntN(8) {
			f.resize(random.IntN(widgets), 1+random.IntN(100))
		}
		elapse(time.Duration(random.IntN(6000)) * time.Millisecond)
	}
	for _, p := range frozen {
		p.thaw()
	}
	for i := range widgets {
		f.resize(i, 1000)
	}
	elapse(2 * takeover)
	if lacking := f.lacking(widgets); len(lacking) > 0 {
		t.Errorf("not as wished in the end: %v", lacking)
		for _, p := range slices.Concat(running, frozen) {
			t.Logf("%s has %v slots, hears itself: %v", p.name, p.metric("powernode_member_slots"), p.metric("powernode_member_heard"))
		}
	}
}
