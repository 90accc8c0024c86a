// Package pipeline is the controller of Pipeline: it starts runs by the clock,
// keeps as many ended ones as the owner wants, and tells how the runs are doing. Its
// admission checks all that can be known of a pipeline before it runs: types
// of steps and their configuration, the graph, expressions, inputs, schedules.
//
// A firing is a run with a name made of the schedule and its time, so that a
// crash after the run was created, or a second server, finds it there. What has
// been fired is remembered as the next time to fire at, in the status.
//
// The package refuses to know how runs run.
package pipeline
