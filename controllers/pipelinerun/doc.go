// Package pipelinerun is the controller of PipelineRun: it runs the steps of a
// pipeline, as it was when the run was created, in their order.
//
// What to do is decided by plan, a pure function of the run, its tasks and the
// other runs of the pipeline; a pass observes, plans, acts and leaves the status
// to the engine. Steps are offered as tasks whose names are fixed (run, step, attempt), and
// the tasks are forgotten only after the end of the run is in the store. So whatever
// dies at whatever point, the next pass finds the same tasks again: no step
// is lost, and none that has finished is offered twice.
//
// The package refuses to know how a step is executed, who the runners are and
// what a secret's value is.
package pipelinerun
