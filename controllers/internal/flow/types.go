package flow

import "slices"

// The types of step that this version runs.
const (
	Checkout         = "checkout"
	RunTests         = "run_tests"
	Custom           = "custom"
	UploadArtifact   = "upload_artifact"
	DownloadArtifact = "download_artifact"
)

// Types are the types of step that this version runs, and Later those that are
// known but not yet available.
func Types() []string {
	return []string{Checkout, RunTests, Custom, UploadArtifact, DownloadArtifact}
}

// Later are types of step that are known but not yet available.
func Later() []string {
	return []string{"claude_execute", "post_comment", "create_pr", "create_branch", "deploy", "notify", "code_factory_gate"}
}

// Outputs are what a step has: those that it declares, and those of its type.
func Outputs(stepType string, declared []string) []string {
	all := slices.Clone(declared)
	if stepType == Checkout {
		all = append(all, "commit_sha", "ref", "repository", "workspace")
	}
	return all
}
