package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// measurePasses prints how fast the controllers take up objects that they have not seen: a pass
// reads one, decides, and writes its status.
func measurePasses(ctx context.Context, b *bench) error {
	stage, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer stage.close()
	if err := stage.fill(ctx, b.passes, resting); err != nil {
		return err
	}
	p, err := stage.server(ctx, "--roles", "api,controllers")
	if err != nil {
		return err
	}
	began, u := time.Now(), usageSince(p)
	done := 0
	for done < b.passes {
		if time.Since(began) > startTime {
			return fmt.Errorf("%d of %d pipelines had a pass after %s", done, b.passes, startTime)
		}
		time.Sleep(20 * time.Millisecond)
		if done, err = p.passes(ctx, "Pipeline"); err != nil {
			return err
		}
	}
	took := time.Since(began)
	cpu, _ := u.each(done)
	t := newTable("", "passes", "passes/s", "CPU us a pass")
	t.add("first passes of Pipelines", done, round(float64(done)/took.Seconds()), micros(cpu))
	return t.print(b.out)
}

// passes is how many passes objects of a kind have had, as the server counts them.
func (p *server) passes(ctx context.Context, kind string) (n int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if strings.HasPrefix(name, "powernode_reconcile_total{") && strings.Contains(name, `kind="`+kind) {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("/metrics: %w", err)
			}
			n += int(count)
		}
	}
	return n, lines.Err()
}
