package chaos

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// mostProblems is how many of one sort are told: the first ones say what is wrong.
const mostProblems = 10

// problems collects what is wrong.
type problems struct {
	list []string
	more int
}

func (p *problems) add(format string, args ...any) {
	if len(p.list) == mostProblems {
		p.more++
		return
	}
	p.list = append(p.list, fmt.Sprintf(format, args...))
}

func (p *problems) all() []string {
	if p.more > 0 {
		return append(p.list, fmt.Sprintf("and %d more", p.more))
	}
	return p.list
}

// CheckFollowers tells what followers were told wrongly: each list has to be the state at its
// revision, and then every change must come once, in order and before any bookmark behind it.
func CheckFollowers(followers []*Follower, h *History) []string {
	var p problems
	events := map[Selection][]told{}
	for _, f := range followers {
		if events[f.Selection] == nil {
			events[f.Selection] = h.events(f.Selection)
		}
		for _, problem := range f.problems {
			p.add("%s (%s): %s", f.Name, f.Selection, problem)
		}
		for _, l := range f.lives {
			if l.to > 0 {
				checkLife(&p, f, l, h, events[f.Selection])
			}
		}
	}
	return p.all()
}

func checkLife(p *problems, f *Follower, l life, h *History, events []told) {
	where := fmt.Sprintf("%s (%s), since its list at %d", f.Name, f.Selection, l.listed)
	compare(p, where+": the list", l.first, h.at(f.Selection, l.listed))
	compare(p, where+fmt.Sprintf(": at its end, %d", l.to), l.now, h.at(f.Selection, l.to))
	next := after(events, l.listed)
	for _, t := range l.told {
		for len(next) > 0 && next[0].revision < t.revision || len(next) > 0 && t.bookmark && next[0].revision == t.revision {
			p.add("%s: was not told of %s at %d before %s at %d", where, next[0].mark, next[0].revision, t.mark, t.revision)
			next = next[1:]
		}
		switch {
		case t.bookmark:
		case len(next) == 0 || next[0] != t:
			p.add("%s: was told of %s at %d, which is not so, or again", where, t.mark, t.revision)
		default:
			next = next[1:]
		}
	}
}

// after is the events behind a revision.
func after(events []told, r int64) []told {
	return events[sort.Search(len(events), func(i int) bool { return events[i].revision > r }):]
}

func compare(p *problems, where string, got map[string]uint64, want map[string]Object) {
	for name, o := range want {
		if sum, there := got[name]; !there {
			p.add("%s lacks %s", where, o)
		} else if sum != o.sum() {
			p.add("%s has another %s than %s", where, name, o)
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			p.add("%s has %s, which is not there", where, name)
		}
	}
}

// CheckEnds compares the state that each follower has come to with what the servers list.
func CheckEnds(followers []*Follower, listed map[string][]Object) []string {
	var p problems
	for server, objects := range listed {
		for _, f := range followers {
			want := map[string]Object{}
			for _, o := range objects {
				if f.Selection.takes(&o) {
					want[o.Metadata.Name] = o
				}
			}
			compare(&p, fmt.Sprintf("%s (%s), beside the list of %s,", f.Name, f.Selection, server), f.life().now, want)
		}
	}
	return p.all()
}

// checkTime bounds the search for an order of one object's operations.
const checkTime = time.Minute

// CheckObjects tells which objects did not behave as if one request after the other had been
// carried out. What is known of each is written beside the path, to be looked at in a browser.
func CheckObjects(r *Record, path string) []string {
	var p problems
	for name, ops := range r.objects {
		result, info := porcupine.CheckOperationsVerbose(model(), ops, checkTime)
		if result == porcupine.Ok {
			continue
		}
		file := path + "-" + name + ".html"
		if err := porcupine.VisualizePath(model(), info, file); err != nil {
			file = err.Error()
		}
		p.add("%s (%d operations): %s; see %s", name, len(ops), map[porcupine.CheckResult]string{
			porcupine.Illegal: "no order of its operations explains the answers", porcupine.Unknown: "no order was found in time",
		}[result], file)
	}
	slices.Sort(p.list)
	return p.all()
}
