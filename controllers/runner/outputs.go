package runner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// largestOutputs bounds what a step may write to $POWERNODE_OUTPUT: outputs are
// kept in the run's status.
const largestOutputs = 256 << 10

var outputName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// readOutputs reads the file that $POWERNODE_OUTPUT names; a step that removed
// it has no outputs.
func readOutputs(path string) (map[string]string, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("outputs: $POWERNODE_OUTPUT is no longer a regular file")
	}
	if info.Size() > largestOutputs {
		return nil, fmt.Errorf("outputs: %d bytes were written to $POWERNODE_OUTPUT, at most %d are kept; upload an artifact instead", info.Size(), largestOutputs)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseOutputs(f)
}

// parseOutputs reads lines of name=value, and values of several lines between
// name<<DELIMITER and DELIMITER. A name that comes again replaces its value;
// blank lines count for nothing. Errors name the line.
func parseOutputs(r io.Reader) (map[string]string, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, largestOutputs+1)
	var outputs map[string]string
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, delimiter, err := splitOutput(line)
		if err != nil {
			return nil, fmt.Errorf("outputs, line %d: %w", number, err)
		}
		if delimiter != "" {
			start := number
			if value, number, err = untilDelimiter(lines, delimiter, number); err != nil {
				return nil, fmt.Errorf("outputs, line %d: %w", start, err)
			}
		}
		if outputs == nil {
			outputs = map[string]string{}
		}
		outputs[name] = value
	}
	return outputs, lines.Err()
}

// splitOutput reads the first line of an output; a delimiter says that its
// value is in the lines after it.
func splitOutput(line string) (name, value, delimiter string, err error) {
	name, value, found := strings.Cut(line, "=")
	if before, after, multi := strings.Cut(line, "<<"); multi && (!found || len(before) < len(name)) {
		name, value, delimiter, found = before, "", strings.TrimSpace(after), true
		if delimiter == "" {
			return "", "", "", fmt.Errorf("%s<< needs a delimiter, such as %s<<EOF", name, name)
		}
	}
	if !found {
		return "", "", "", fmt.Errorf("%q is neither name=value nor name<<DELIMITER", short(line))
	}
	if !outputName.MatchString(name) {
		return "", "", "", fmt.Errorf("%q is not a name of an output: a letter or _ first, then letters, digits, _ and -", short(name))
	}
	return name, value, delimiter, nil
}

func untilDelimiter(lines *bufio.Scanner, delimiter string, number int) (string, int, error) {
	var value []string
	for lines.Scan() {
		number++
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == delimiter {
			return strings.Join(value, "\n"), number, nil
		}
		value = append(value, line)
	}
	return "", number, fmt.Errorf("the line %q that ends the value never came", short(delimiter))
}

// short cuts what is quoted in a message.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
