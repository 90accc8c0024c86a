// Command pnctl is Powernode's command line: kubectl's own commands, embedded from
// k8s.io/kubectl, and a few of ours.
//
// It never re-implements get, apply, diff, edit, wait or explain: what those do to
// our kinds is what they do to any kind that a server describes well, so the
// server is where a kind is taught, and pnctl knows none of their fields. Composing
// the constructors of single commands, rather than taking kubectl's whole root and
// removing from it, keeps every verb a decision (verbs.go).
//
// Embedded: get, describe, explain, events, wait; apply, diff, create (namespace,
// secret, configmap and -f), replace, kustomize; edit, patch, label, annotate,
// delete; config, auth (can-i, whoami), completion; api-resources, api-versions,
// options. Left out, each with the reason that a user is told: leftOut. A test
// compares both with kubectl's own list.
//
// Ours: run starts a pipeline and follows it (run.go, inputs.go); logs, cancel and
// artifacts take the place of verbs that only know pods; rollout that of one that only knows
// Kubernetes' workloads, and is of every kind's revisions (subject.go names the object);
// audit reads and verifies the server's log of calls; version tells of pnctl and the server.
// Two of the embedded have a flag more: get --at (getat.go), diff --revision (diffrevision.go).
//
// Following a run is in three parts that know nothing of each other: a follower
// (follow.go, followlog.go) turns watches and logs into one stream of events and
// hides that the server may go away and come back; plain.go and live.go are pure,
// from events to lines; screen.go changes those on a terminal in place.
//
// Where the server is comes from the first kubeconfig that searchConfig finds. An error on the
// way there names the server, the file and what to do, and never shows a token.
package main
