package main

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api"
)

// target is an object that was named on the command line.
type target struct {
	Resource string // plural, of our group
	Name     string
}

func (t target) String() string { return t.Resource + "/" + t.Name }

// parseTarget reads KIND/NAME, where KIND is what discovery knows a kind by:
// singular, plural, short name. A name alone is of the resource fallback, if there is one.
func parseTarget(f cmdutil.Factory, text, fallback string) (target, error) {
	kind, name, found := strings.Cut(text, "/")
	switch {
	case !found && fallback != "":
		return target{fallback, text}, nil
	case !found:
		return target{}, fmt.Errorf("%q names no kind: write KIND/NAME, for example pr/%s", text, text)
	case name == "" || strings.Contains(name, "/"):
		return target{}, fmt.Errorf("%q is not of the form KIND/NAME", text)
	}
	mapper, err := f.ToRESTMapper()
	if err != nil {
		return target{}, err
	}
	resource, err := mapper.ResourceFor(resourceNamed(kind))
	if err != nil {
		return target{}, err
	}
	if resource.Group != api.Group {
		return target{resource.GroupResource().String(), name}, nil
	}
	return target{resource.Resource, name}, nil
}

func resourceNamed(kind string) schema.GroupVersionResource {
	group := schema.ParseGroupResource(strings.ToLower(kind))
	return group.WithVersion("")
}
