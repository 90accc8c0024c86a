package server_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store"
)

// counted is the value of a counter without labels.
func (h *harness) counted(name string) string {
	_, rest, _ := strings.Cut(h.get("/metrics").body, "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// deafLog keeps no record.
type deafLog struct{ store.Audit }

func (deafLog) Append(context.Context, audit.Record) error { return errors.New("the disk is full") }

// Refusals that are only counted, as there are too many, are seen in the metrics.
func TestMetricsTellOfDroppedAuditRecords(t *testing.T) {
	a := startAudited(t)
	if n := a.counted("powernode_api_audit_dropped_total"); n != "0" {
		t.Fatalf("%q were dropped", n)
	}
	eventually(t, "some are dropped", func() bool {
		for range 200 {
			a.get(widgets, "Authorization", "Bearer nonsense")
		}
		return a.counted("powernode_api_audit_dropped_total") != "0"
	})
	if n := a.counted("powernode_api_audit_failures_total"); n != "0" {
		t.Errorf("%q could not be kept", n)
	}
}

// And so are those that could not be kept.
func TestMetricsTellOfLostAuditRecords(t *testing.T) {
	a := startAudited(t, func(c *server.Config) { c.Audit = deafLog{c.Audit} })
	a.get(widgets, "Authorization", "Bearer nonsense")
	if n := a.counted("powernode_api_audit_failures_total"); n != "1" {
		t.Errorf("%q could not be kept", n)
	}
}
