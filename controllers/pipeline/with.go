package pipeline

import (
	"math"
	"regexp"
	"strings"
)

// dynamic reports whether a string holds an expression, so that its value is
// known only when the step runs.
func dynamic(s string) bool { return strings.Contains(s, "${{") }

func isText(v any) string {
	if _, is := v.(string); !is {
		return "must be a string"
	}
	return ""
}

func isDepth(v any) string {
	if s, is := v.(string); is && dynamic(s) {
		return ""
	}
	if n, is := v.(float64); !is || n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
		return "must be a whole number: how many commits of the history to fetch, 0 for all"
	}
	return ""
}

var shellName = regexp.MustCompile(`^[A-Za-z0-9_./+-]+$`)

func isShell(v any) string {
	s, is := v.(string)
	if !is || !shellName.MatchString(s) {
		return "must be the name of a program that runs scripts: sh, bash, python3, ..."
	}
	return ""
}

var artifactName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func isArtifactName(v any) string {
	s, is := v.(string)
	if !is || s != "" && !dynamic(s) && !artifactName.MatchString(s) {
		return "must start with a letter or digit and have only letters, digits, '.', '_' and '-', at most 128 in all"
	}
	return ""
}

func isPaths(v any) string {
	if list, is := v.([]any); is {
		if len(list) == 0 {
			return "must have at least one path"
		}
		for _, item := range list {
			if isText(item) != "" {
				return "must be a path or a list of paths"
			}
		}
		return ""
	}
	if isText(v) != "" {
		return "must be a path or a list of paths"
	}
	return ""
}
