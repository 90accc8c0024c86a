package naming_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas/naming"
)

func names(plural, kind string, short ...string) naming.Names {
	return naming.Names{Plural: plural, Kind: kind, ShortNames: short}
}

// definition asks for names; the later ones are younger.
func definition(age int64, n naming.Names) naming.Definition {
	return naming.Definition{Name: n.Plural + ".example.org", Group: "example.org", Revision: fmt.Sprint(age), Wanted: n}
}

func accepted(d naming.Definition) naming.Definition {
	d.Accepted = d.Wanted.WithDefaults()
	return d
}

func verdict(v naming.Verdict) string {
	n := v.Names
	return fmt.Sprintf("%s,%s,%s,%s %s: %s %s", n.Plural, n.Singular, n.Kind, n.ListKind, strings.Join(n.ShortNames, " "), v.Reason, v.Message)
}

func TestNames(t *testing.T) {
	gears, cogs := definition(9, names("gears", "Gear", "g")), definition(10, names("cogs", "Cog", "c"))
	const gearsFree, cogsFree = "gears,gear,Gear,GearList g:  ", "cogs,cog,Cog,CogList c:  "
	with := func(d naming.Definition, n naming.Names) naming.Definition { d.Wanted = n; return d }
	for _, c := range []struct {
		name        string
		definitions []naming.Definition
		gears, cogs string
	}{
		{"nothing in common", []naming.Definition{gears, cogs}, gearsFree, cogsFree},
		{"the older one has the short name", []naming.Definition{gears, with(cogs, names("cogs", "Cog", "g"))},
			gearsFree, `cogs,cog,Cog,CogList : ShortNamesConflict "g" is already in use`},
		{"whatever the order that they come in", []naming.Definition{with(cogs, names("cogs", "Cog", "g")), gears},
			gearsFree, `cogs,cog,Cog,CogList : ShortNamesConflict "g" is already in use`},
		{"who was judged keeps what it has from an older one", []naming.Definition{gears, accepted(with(cogs, names("cogs", "Cog", "g")))},
			`gears,gear,Gear,GearList : ShortNamesConflict "g" is already in use`, "cogs,cog,Cog,CogList g:  "},
		{"a short name is a plural elsewhere", []naming.Definition{gears, with(cogs, names("cogs", "Cog", "gears"))},
			gearsFree, `cogs,cog,Cog,CogList : ShortNamesConflict "gears" is already in use`},
		{"one kind for two", []naming.Definition{gears, with(cogs, naming.Names{Plural: "cogs", Singular: "cog", Kind: "Gear"})},
			gearsFree, `cogs,cog,, : ListKindConflict "Gear" is already in use, "GearList" is already in use`},
		{"one singular for two", []naming.Definition{gears, with(cogs, naming.Names{Plural: "cogs", Singular: "gear", Kind: "Cog"})},
			gearsFree, `cogs,,Cog,CogList : SingularConflict "gear" is already in use`},
		{"what is asked for no more is free", []naming.Definition{with(accepted(gears), names("gears", "Gear")), with(cogs, names("cogs", "Cog", "g"))},
			"gears,gear,Gear,GearList :  ", "cogs,cog,Cog,CogList g:  "},
		{"one that wants another's name keeps its own", []naming.Definition{accepted(gears), with(accepted(cogs), names("cogs", "Cog", "g"))},
			gearsFree, `cogs,cog,Cog,CogList c: ShortNamesConflict "g" is already in use`},
	} {
		got := naming.Judge(c.definitions)
		if g := verdict(got["gears.example.org"]); g != c.gears {
			t.Errorf("%s: gears:\n%s\n%s", c.name, g, c.gears)
		}
		if g := verdict(got["cogs.example.org"]); g != c.cogs {
			t.Errorf("%s: cogs:\n%s\n%s", c.name, g, c.cogs)
		}
	}
}

func TestGroupsDoNotShareNames(t *testing.T) {
	other := definition(2, names("gears", "Gear", "g"))
	other.Name, other.Group = "gears.example.com", "example.com"
	for name, v := range naming.Judge([]naming.Definition{definition(1, names("gears", "Gear", "g")), other}) {
		if !v.Accepted() {
			t.Errorf("%s: %s", name, verdict(v))
		}
	}
}
