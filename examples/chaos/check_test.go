package chaos

import (
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// at is a state of an object.
func at(name string, revision int64, lane string) Object {
	o := newObject(name, fmt.Sprint("id-", revision), lane)
	o.Metadata.ResourceVersion = strconv.FormatInt(revision, 10)
	return o
}

// past has an object that changes lanes, one that is deleted and one that stays.
func past() *History {
	a, b, a2 := at("a", 1, "a"), at("b", 2, "a"), at("a", 11, "b")
	c, gone := at("c", 12, "a"), at("b", 13, "a")
	gone.Data[idKey] = b.Data[idKey]
	return &History{start: 10, first: map[string]Object{"a": a, "b": b}, changes: []change{
		{revision: 11, object: a2, old: &a}, {revision: 12, object: c}, {revision: 13, object: gone, old: &b, deleted: true},
	}}
}

// follows is a follower that was told the truth about a selection up to a revision.
func follows(h *History, s Selection, from, to int64) *Follower {
	l := life{listed: from, first: map[string]uint64{}, now: map[string]uint64{}, to: to}
	for name, o := range h.at(s, from) {
		l.first[name] = o.sum()
	}
	for name, o := range h.at(s, to) {
		l.now[name] = o.sum()
	}
	for _, e := range after(h.events(s), from) {
		if e.revision <= to {
			l.told = append(l.told, e)
		}
	}
	l.told = append(l.told, told{revision: to, mark: "BOOKMARK ", bookmark: true})
	return &Follower{Name: "f", Selection: s, lives: []life{l}}
}

// one expects a problem that has all words.
func one(t *testing.T, what string, problems []string, words ...string) {
	t.Helper()
	all := strings.Join(problems, "\n")
	for _, word := range words {
		if !strings.Contains(all, word) {
			t.Errorf("%s: no %q among the problems: %q", what, word, problems)
		}
	}
}

func none(t *testing.T, what string, problems []string) {
	t.Helper()
	if len(problems) > 0 {
		t.Errorf("%s: %q", what, problems)
	}
}

func TestAFollowerThatWasToldLiesIsFound(t *testing.T) {
	h := past()
	for _, s := range []Selection{{}, {Lane: "a"}, {Lane: "b"}, {Name: "c"}} {
		for from := int64(10); from <= 13; from++ {
			for to := from; to <= 14; to++ {
				none(t, fmt.Sprint(s, from, to), CheckFollowers([]*Follower{follows(h, s, from, to)}, h))
			}
		}
	}
	lie := func(change func(*life)) []string {
		f := follows(h, Selection{}, 10, 13)
		change(f.life())
		return CheckFollowers([]*Follower{f}, h)
	}
	one(t, "an event is left out", lie(func(l *life) { l.told = append(l.told[:1:1], l.told[2:]...) }), "not told of ADDED c at 12 before DELETED b at 13")
	one(t, "the last event is left out", lie(func(l *life) { l.told = append(l.told[:2:2], l.told[3:]...) }), "not told of DELETED b at 13 before BOOKMARK")
	one(t, "a bookmark overtakes", lie(func(l *life) { l.told[2], l.told[3] = l.told[3], l.told[2] }), "not told of DELETED b at 13 before BOOKMARK", "told of DELETED b at 13, which is not so, or again")
	one(t, "an event comes twice", lie(func(l *life) { l.told = append(l.told[:1:1], l.told...) }), "MODIFIED a at 11, which is not so, or again")
	one(t, "an event has another state", lie(func(l *life) { l.told[1].sum++ }), "ADDED c at 12, which is not so")
	one(t, "the list is of another time", lie(func(l *life) { l.first["a"]++ }), "the list has another a")
	one(t, "the end lacks an object", lie(func(l *life) { delete(l.now, "c") }), "at its end, 13 lacks c")
	one(t, "the end has one too many", lie(func(l *life) { l.now["b"] = 1 }), "at its end, 13 has b, which is not there")

	f := follows(h, Selection{Lane: "a"}, 10, 13)
	one(t, "the end beside the store's", CheckEnds([]*Follower{f}, map[string][]Object{"s": {at("c", 12, "a"), at("d", 9, "a"), at("e", 9, "b")}}), "lacks d at 9")
}

func TestAnEventOutOfOrderIsFound(t *testing.T) {
	f := &Follower{lives: []life{{listed: 5, to: 5, now: map[string]uint64{}}}}
	tell := func(kind string, revision int64) {
		f.take(&Node{}, event{Type: kind, Object: struct {
			Object
			Code int `json:"code"`
		}{Object: at("a", revision, "a")}})
	}
	tell("ADDED", 6)
	tell("BOOKMARK", 6)
	none(t, "in order", f.problems)
	tell("MODIFIED", 6)
	one(t, "an event at a bookmark", f.problems, "after everything up to 6")
}

func TestAWriteThatIsLostOrInventedIsFound(t *testing.T) {
	h := past()
	judge := func(writes ...write) []string {
		r := NewRecord()
		r.writes = writes
		return CheckWrites(r, h)
	}
	first := write{id: "id-11", name: "a", verdict: Done, revision: 11}
	none(t, "as it was", judge(first, write{id: "id-12", name: "c", verdict: Unknown}, write{id: "x", verdict: Unknown}, write{id: "y", verdict: Refused}))
	one(t, "lost", judge(first, write{id: "id-12", verdict: Unknown}, write{id: "z", name: "z", verdict: Done, revision: 14}), "z of z was acknowledged at 14")
	one(t, "denied", judge(first, write{id: "id-12", name: "c", verdict: Nothing}), "id-12 of c was done at 12, and its writer was told that it was not")
	one(t, "backwards", judge(write{id: "id-11", name: "a", verdict: Done, revision: 11, before: 12}, write{id: "id-12", verdict: Unknown}), "although 12 was acknowledged before")
	one(t, "invented", judge(first), `nobody has sent the write "id-12"`)

	r := NewRecord()
	r.writes = []write{first, {id: "id-12", verdict: Unknown}}
	r.deleted("b", answer{verdict: Unknown})
	r.deleted("c", answer{verdict: Done})
	one(t, "a deletion is lost", CheckWrites(r, h), "c was deleted 0 times; 1 deletions were acknowledged")
	h.changes = append(h.changes, h.changes[1])
	one(t, "done twice", CheckWrites(r, h), "id-12 of c was done twice")
}

func TestACounterThatIsWrongIsFound(t *testing.T) {
	r := NewRecord()
	for _, v := range []Verdict{Done, Done, Unknown, Refused, Nothing} {
		r.counted("c", v)
	}
	for value, right := range map[string]bool{"1": false, "2": true, "3": true, "4": false, "": false} {
		o := at("c", 1, "a")
		o.Data[countKey] = value
		if got := CheckCounters(r, []Object{o}); (len(got) == 0) != right {
			t.Errorf("%q after two or three increments: %q", value, got)
		}
	}
}

func TestAnswersThatNoServerMayGiveAreFound(t *testing.T) {
	r := NewRecord()
	r.answered("PUT", answer{code: 409, verdict: Refused})
	none(t, "a conflict", CheckAnswers(r))
	r.answered("PUT", answer{code: 500, verdict: Unknown})
	one(t, "an internal error", CheckAnswers(r), "PUT 500")
}

// history notes operations, each after the one before.
func history(ops ...porcupine.Operation) *Record {
	r := NewRecord()
	for i, op := range ops {
		op.Call = int64(10 * i)
		if op.Return == 0 {
			op.Return = op.Call + 5
		}
		r.objects["o"] = append(r.objects["o"], op)
	}
	return r
}

func did(v verb, id, expect string, verdict Verdict, code int) porcupine.Operation {
	out, op := output{verdict, code, ""}, porcupine.Operation{}
	if v == get {
		out.id, id = id, ""
	}
	if verdict == Unknown {
		op.Return = math.MaxInt64
	}
	op.Input, op.Output = input{"o", v, id, expect}, out
	return op
}

func TestAnObjectThatIsNoSingleObjectIsFound(t *testing.T) {
	const ok, no, missing = http.StatusOK, http.StatusConflict, http.StatusNotFound
	born := did(create, "1", "", Done, ok)
	path := filepath.Join(t.TempDir(), "chaos")
	for what, ops := range map[string][]porcupine.Operation{
		"a life":                {did(get, "", "", Refused, missing), born, did(create, "2", "", Refused, no), did(swap, "3", "1", Done, ok), did(swap, "4", "1", Refused, no), did(patch, "5", "", Done, ok), did(get, "5", "", Done, ok), did(drop, "", "3", Refused, no), did(remove, "", "", Done, ok), did(patch, "6", "", Refused, missing)},
		"an unknown that was":   {born, did(swap, "2", "1", Unknown, 0), did(get, "1", "", Done, ok), did(get, "2", "", Done, ok)},
		"an unknown that never": {born, did(remove, "", "", Unknown, 0), did(get, "1", "", Done, ok)},
	} {
		none(t, what, CheckObjects(history(ops...), path))
	}
	for what, ops := range map[string][]porcupine.Operation{
		"a stale read":              {born, did(swap, "2", "1", Done, ok), did(get, "1", "", Done, ok)},
		"a read of nothing":         {born, did(get, "", "", Refused, missing)},
		"two winners":               {born, did(swap, "2", "1", Done, ok), did(swap, "3", "1", Done, ok)},
		"a second creation":         {born, did(create, "2", "", Done, ok)},
		"a lost deletion":           {born, did(remove, "", "", Done, ok), did(get, "1", "", Done, ok)},
		"a conflict with nobody":    {born, did(swap, "2", "1", Refused, no)},
		"an unknown that came back": {born, did(swap, "2", "1", Unknown, 0), did(get, "2", "", Done, ok), did(get, "1", "", Done, ok)},
		"a patch of nothing":        {did(patch, "1", "", Done, ok)},
	} {
		one(t, what, CheckObjects(history(ops...), path), "no order of its operations explains the answers; see "+path)
	}
}
