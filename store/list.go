package store

import (
	"fmt"
	"slices"
	"sort"

	"github.com/powernode/powernode/api"
)

// View is the objects of a kind at one revision, by namespace and name.
type View struct {
	Objects  []*api.Object
	Revision Revision
}

// View is the present state of a kind.
func (h *Hub) View(kind string) View {
	h.mu.RLock()
	defer h.mu.RUnlock()
	v := View{Revision: h.position}
	if s := h.kinds[kind]; s != nil {
		v.Objects = slices.Clone(s.objects)
	}
	return v
}

// ViewAt is the state of a kind at exactly revision at, made by undoing the changes
// since: ErrExpired when the hub has forgotten some of them, ErrAhead when at is still to come.
func (h *Hub) ViewAt(kind string, at Revision) (View, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if at > h.position {
		return View{}, fmt.Errorf("%s at revision %d of %d: %w", kind, at, h.position, api.ErrAhead)
	}
	s, floor := h.kinds[kind], h.floor
	if s == nil {
		s = &shelf{floor: floor}
	}
	undo, kept := s.after(at, len(s.recent))
	if !kept {
		return View{}, fmt.Errorf("%s at revision %d: %w", kind, at, api.ErrExpired)
	}
	return View{slices.Clone(s.objects), h.position}.Undo(undo, at), nil
}

// Undo is the state before changes, of which only the first of each object counts;
// at is the revision that it had then.
func (v View) Undo(changes []Change, at Revision) View {
	type name struct{ namespace, name string }
	past := map[name]*api.Object{}
	for _, c := range slices.Backward(changes) {
		past[name{c.New.Namespace, c.New.Name}] = c.Old
	}
	objects := slices.DeleteFunc(v.Objects, func(o *api.Object) bool {
		_, changed := past[name{o.Namespace, o.Name}]
		return changed
	})
	for _, o := range past {
		if o != nil {
			objects = append(objects, o)
		}
	}
	if len(past) > 0 {
		sort.Slice(objects, func(i, j int) bool { return before(objects[i], objects[j].Namespace, objects[j].Name) })
	}
	return View{objects, at}
}

// Select is the page of the view that opts asks for.
func (v View) Select(opts ListOptions) List {
	list := List{Revision: v.Revision}
	rest := v.Objects[v.start(opts):]
	guess := (opts.Labels != nil && !opts.Labels.Empty()) || (opts.Fields.Selector != nil && !opts.Fields.Selector.Empty())
	for i, o := range rest {
		if opts.Namespace != "" && o.Namespace != opts.Namespace {
			break // the start was the namespace's first
		}
		if !selects(opts.Labels, opts.Fields, o) {
			continue
		}
		if opts.Limit > 0 && len(list.Items) == opts.Limit {
			last := list.Items[len(list.Items)-1]
			list.Next = &Cursor{Revision: v.Revision, Namespace: last.Namespace, Name: last.Name}
			list.Remaining = remaining(rest[i:], opts.Namespace, guess)
			break
		}
		list.Items = append(list.Items, o)
	}
	return list
}

// start is where opts begins in the view.
func (v View) start(opts ListOptions) int {
	namespace, name := opts.Namespace, ""
	if after := opts.Continue; after.Name != "" {
		namespace, name = after.Namespace, after.Name+"\x00" // the first that is greater
	}
	return sort.Search(len(v.Objects), func(i int) bool { return !before(v.Objects[i], namespace, name) })
}

func remaining(rest []*api.Object, namespace string, guess bool) int64 {
	if guess {
		return -1
	}
	n := int64(0)
	for _, o := range rest {
		if namespace != "" && o.Namespace != namespace {
			break
		}
		n++
	}
	return n
}
