package customresourcedefinition

import (
	"context"
	"fmt"
	"strings"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/schemas/naming"
)

// judge says which names the definition has. Only one that lacks a name waits for the others: what
// was accepted is not taken away.
func judge(ctx context.Context, d *object) (naming.Verdict, error) {
	all, err := reconcile.Glance(ctx, d.Objects, v1.CustomResourceDefinition, "")
	if err != nil {
		return naming.Verdict{}, fmt.Errorf("read the other definitions: %w", err)
	}
	verdict := judgeAmong(d, all)
	if verdict.Accepted() {
		return verdict, nil
	}
	if all, err = d.Objects.List(ctx, v1.CustomResourceDefinition, "", nil); err != nil {
		return naming.Verdict{}, fmt.Errorf("read the other definitions: %w", err)
	}
	return judgeAmong(d, all), nil
}

func judgeAmong(d *object, all []*api.Object) naming.Verdict {
	group := []naming.Definition{asked(d)}
	for _, obj := range all {
		if obj.Name == d.Name || !strings.HasSuffix(obj.Name, "."+d.Spec.Group) { // names are PLURAL.GROUP
			continue
		}
		other, err := reconcile.Decode[Spec, Status](obj)
		if err == nil && other.Spec.Group == d.Spec.Group {
			group = append(group, asked(other))
		}
	}
	return naming.Judge(group)[d.Name]
}

func asked(d *object) naming.Definition {
	return naming.Definition{
		Name: d.Name, Group: d.Spec.Group, Revision: d.Meta.ResourceVersion,
		Wanted: d.Spec.Names, Accepted: d.Status.AcceptedNames,
	}
}
