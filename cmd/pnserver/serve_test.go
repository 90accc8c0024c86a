package main

import (
	"log/slog"
	"net/http"
	"testing"
)

func TestStrangersCanNotHoldConnectionsForEver(t *testing.T) {
	s := (&process{log: slog.New(slog.DiscardHandler)}).httpServer(http.NotFoundHandler())
	if s.ReadHeaderTimeout <= 0 || s.IdleTimeout <= 0 {
		t.Errorf("a header may take %s, a connection may be idle for %s; 0 is for ever", s.ReadHeaderTimeout, s.IdleTimeout)
	}
}
