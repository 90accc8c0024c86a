package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/powernode/powernode/cmd/internal/build"
)

// buildInfo names the program in every scrape.
func buildInfo() prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "powernode_build_info", Help: "Always 1; the labels say what the program was built from.",
		ConstLabels: prometheus.Labels{"version": build.Version(), "commit": build.Commit()},
	})
	g.Set(1)
	return g
}

// watchCertificate tells until when HTTPS is served with a valid certificate: it is read at the start only.
func (p *process) watchCertificate(pair tls.Certificate) error {
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("--tls-cert: %w", err)
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "powernode_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate that HTTPS is served with ends, in seconds since 1970.",
	})
	g.Set(float64(leaf.NotAfter.Unix()))
	return p.registry.Register(g)
}

// watchDisk tells how much room the private PostgreSQL has.
func (p *process) watchDisk(dir string) {
	gauge := func(name, help string, of func(syscall.Statfs_t) uint64) {
		p.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			var s syscall.Statfs_t
			if syscall.Statfs(dir, &s) != nil {
				return 0
			}
			return float64(of(s)) * float64(s.Bsize)
		}))
	}
	gauge("powernode_private_database_disk_free_bytes", "Room left on the disk of the private PostgreSQL.", func(s syscall.Statfs_t) uint64 { return s.Bavail })
	gauge("powernode_private_database_disk_size_bytes", "Size of the disk of the private PostgreSQL.", func(s syscall.Statfs_t) uint64 { return s.Blocks })
}

// metricsPart serves the metrics at an address of their own, and nothing else.
func (p *process) metricsPart() (func(context.Context) error, error) {
	listener, err := net.Listen("tcp", p.metrics)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen %s: %w", p.metrics, err)
	}
	p.onClose(func() { listener.Close() })
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if p.database != nil && p.database.Ready(r.Context()) != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable) // why is in the log: here anybody may ask
			return
		}
		fmt.Fprintln(w, "ok")
	})
	s := p.httpServer(mux)
	return func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(listener) }()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			err := s.Close()
			<-ended
			return err
		}
	}, nil
}
