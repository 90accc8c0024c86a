// Package script is what the test image's program understands.
package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is what a container of the test image does, word by word, one after the other:
//
//	print TEXT   writes a line
//	env NAME     writes the value of a variable
//	flood N      writes N bytes, as lines of 100
//	sleep D      waits (a Go duration)
//	forever      waits until it is ended
//	stubborn     does not listen to SIGTERM from here on
//	exit N       ends with an exit code; without it the code is 0
type Script []Step

// Step is one word of a Script with what belongs to it.
type Step struct {
	Output   string
	Sleep    time.Duration
	Stubborn bool
	Exit     *int
}

// Forever is longer than any test.
const Forever = 10000 * time.Hour

// Parse reads the words; getenv is the container's environment.
func Parse(words []string, getenv func(string) string) (Script, error) {
	var script Script
	for len(words) > 0 {
		word, arg := words[0], ""
		words = words[1:]
		if word != "forever" && word != "stubborn" {
			if len(words) == 0 {
				return nil, fmt.Errorf("%s needs an argument", word)
			}
			arg, words = words[0], words[1:]
		}
		step, err := parseStep(word, arg, getenv)
		if err != nil {
			return nil, err
		}
		script = append(script, step)
	}
	return script, nil
}

func parseStep(word, arg string, getenv func(string) string) (Step, error) {
	switch word {
	case "print":
		return Step{Output: arg + "\n"}, nil
	case "env":
		return Step{Output: getenv(arg) + "\n"}, nil
	case "flood":
		n, err := strconv.Atoi(arg)
		return Step{Output: flood(n)}, err
	case "sleep":
		d, err := time.ParseDuration(arg)
		return Step{Sleep: d}, err
	case "forever":
		return Step{Sleep: Forever}, nil
	case "stubborn":
		return Step{Stubborn: true}, nil
	case "exit":
		code, err := strconv.Atoi(arg)
		return Step{Exit: &code}, err
	}
	return Step{}, fmt.Errorf("unknown word %q", word)
}

func flood(n int) string {
	line := strings.Repeat("x", 99) + "\n"
	return strings.Repeat(line, n/len(line)+1)[:n]
}
