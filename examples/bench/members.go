package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// measureMembers prints what it costs members to share the work on very many instances while they join, die
// and stall: the simulation of package reconcile, which needs the fake time of tests.
func measureMembers(ctx context.Context, b *bench) error {
	program := filepath.Join(b.dir, "simulation")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "github.com/powernode/powernode/reconcile")
	build.Stderr = b.progress
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the simulation: %w", err)
	}
	hosts := max(100, b.many/10)
	cmd := exec.CommandContext(ctx, program, "-test.run", "^TestSimulation$", "-test.timeout", "1h")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SIMULATION=20 %d %d", hosts, 10*hosts))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("simulate: %w\n%s", err, &out)
	}
	_, err := fmt.Fprintln(b.out, strings.TrimSuffix(strings.TrimSpace(out.String()), "\nPASS"))
	return err
}
