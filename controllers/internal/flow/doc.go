// Package flow is what a pipeline's spec means, wherever it is read: in which
// order steps run, what a step type is, what values inputs may have, and how a
// run is made of a pipeline. The controllers of Pipeline and PipelineRun share
// it, as neither knows the other.
//
// It is pure: no I/O, no clock. It refuses to know tasks, runners and schedules.
package flow
