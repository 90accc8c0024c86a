// Package controllers is the list of kinds: of each its controller, its rules
// of admission, and what lies below its objects. Adding a kind adds one entry.
//
// The folders beside this file are the kinds, one each; they do not know each
// other, nor the store, nor HTTP. What they share of the outside world is in
// internal, one adapter for each.
package controllers

import (
	"slices"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/clusterrole"
	"github.com/powernode/powernode/controllers/containerinstance"
	"github.com/powernode/powernode/controllers/customresourcedefinition"
	"github.com/powernode/powernode/controllers/dockerhost"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/namespace"
	"github.com/powernode/powernode/controllers/pipeline"
	"github.com/powernode/powernode/controllers/pipelinerun"
	"github.com/powernode/powernode/reconcile"
)

// World is what the controllers of a process work with beside the objects.
// Make one a process with NewWorld: kinds share the connections to Docker engines.
type World struct {
	tasks   pipelinerun.Tasks
	logs    Logs
	blobs   pipelinerun.Blobs
	engines *docker.Pool
}

// Logs is what the kinds together ask of the log streams.
type Logs interface {
	containerinstance.Logs
	pipelinerun.Logs
}

// NewWorld makes the World of a process. It connects to nothing yet.
func NewWorld(tasks pipelinerun.Tasks, logs Logs, blobs pipelinerun.Blobs) *World {
	return &World{tasks: tasks, logs: logs, blobs: blobs, engines: &docker.Pool{}}
}

// entry is all that is to be said of a kind here; what it lacks is nil.
type entry struct {
	name         string
	controller   func(*World) reconcile.Kind
	admit        api.Admission
	subresources func(*World, api.Getter) map[string]api.Subresource
}

// kinds are ordered as a deleted namespace is emptied: what depends on
// something comes before it.
func kinds() []entry {
	return []entry{
		{
			name: v1.PipelineRun,
			controller: func(w *World) reconcile.Kind {
				return pipelinerun.Kind(pipelinerun.Controller{Tasks: w.tasks, Logs: w.logs, Blobs: w.blobs})
			},
			admit: pipelinerun.Admit,
			subresources: func(w *World, objects api.Getter) map[string]api.Subresource {
				return map[string]api.Subresource{
					"log":       pipelinerun.Log(w.logs, objects),
					"artifacts": pipelinerun.Artifacts(w.blobs),
				}
			},
		},
		{
			name:       v1.Pipeline,
			controller: func(*World) reconcile.Kind { return pipeline.Kind() },
			admit:      pipeline.Admit,
		},
		{
			name: v1.ContainerInstance,
			controller: func(w *World) reconcile.Kind {
				return containerinstance.Kind(containerinstance.Controller{Engines: w.engines, Logs: w.logs})
			},
			admit: containerinstance.Admit,
			subresources: func(w *World, objects api.Getter) map[string]api.Subresource {
				return map[string]api.Subresource{"log": containerinstance.Log(w.engines, objects, w.logs)}
			},
		},
		{
			name: v1.DockerHost,
			controller: func(w *World) reconcile.Kind {
				return dockerhost.Kind(&dockerhost.Controller{Engines: w.engines})
			},
			admit: dockerhost.Admit,
		},
	}
}

// Kinds are the controllers, for the engine to run: those of the list, and that
// of namespaces, which knows them all, those of the definitions of users' kinds
// and of the roles that are made of others.
func Kinds(w *World) []reconcile.Kind {
	var list []reconcile.Kind
	var names []string
	for _, k := range kinds() {
		list = append(list, k.controller(w))
		names = append(names, k.name)
	}
	namespaced := slices.Concat(names, []string{v1.ConfigMap, v1.Secret, v1.ServiceAccount, v1.RoleBinding, v1.Role, v1.Lease, v1.Event})
	return append(list, namespace.Kind(namespaced), customresourcedefinition.Kind(), clusterrole.Kind())
}

// Admission has the rules that schemas can't say, by kind.
func Admission() map[string]api.Admission {
	rules := map[string]api.Admission{}
	for _, k := range kinds() {
		if k.admit != nil {
			rules[k.name] = k.admit
		}
	}
	return rules
}

// Subresources are what lies below objects, by kind and name; objects reads
// the newest state of an object that is being followed.
func Subresources(w *World, objects api.Getter) map[string]map[string]api.Subresource {
	below := map[string]map[string]api.Subresource{}
	for _, k := range kinds() {
		if k.subresources != nil {
			below[k.name] = k.subresources(w, objects)
		}
	}
	return below
}
