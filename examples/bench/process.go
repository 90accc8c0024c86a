package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"
)

// startTime bounds how long a server may take to be ready.
const startTime = 2 * time.Minute

// server is a pnserver process.
type server struct {
	cmd *exec.Cmd
	usage
	done        chan struct{}
	addr, token string
	startup     time.Duration // from its start to the first answer that it is ready
}

// server starts pnserver on the stage's database and waits until it is ready. It ends with the stage.
func (s *stage) server(ctx context.Context, flags ...string) (*server, error) {
	dir, err := os.MkdirTemp(s.dir, "pnserver-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--log-format", "json",
		"--encryption-key-file", filepath.Join(s.dir, "encryption.key")}, flags...)
	p := &server{cmd: exec.Command(s.bench.pnserver, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "DATABASE_URL="+s.dsn)
	p.cmd.Stderr = log
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pnserver: %w", err)
	}
	p.usage = usage{p.cmd.Process.Pid}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	s.onClose(p.stop)
	if err := p.ready(ctx, filepath.Join(dir, "admin.kubeconfig")); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; pnserver said: %s", err, said[max(0, len(said)-2000):])
	}
	p.startup = time.Since(began)
	return p, nil
}

// stop is SIGTERM, and waits for the end; a second time does nothing.
func (p *server) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ready waits until the server has told where it is and that it is ready.
func (p *server) ready(ctx context.Context, kubeconfig string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := p.locate(kubeconfig)
		if err == nil {
			var answer *http.Response
			if answer, err = http.Get("http://" + p.addr + "/readyz"); err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					return nil
				}
				err = fmt.Errorf("/readyz: %s", answer.Status)
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("pnserver ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("pnserver is not ready: %w", err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// locate reads the address and the administrator's token.
func (p *server) locate(kubeconfig string) error {
	data, err := os.ReadFile(kubeconfig)
	if err != nil {
		return err
	}
	var config struct {
		Clusters []struct{ Cluster struct{ Server string } }
		Users    []struct{ User struct{ Token string } }
	}
	if err := yaml.Unmarshal(data, &config); err != nil || len(config.Clusters) == 0 || len(config.Users) == 0 {
		return fmt.Errorf("%s is not whole: %w", kubeconfig, err)
	}
	u, err := url.Parse(config.Clusters[0].Cluster.Server)
	if err != nil {
		return err
	}
	p.addr, p.token = u.Host, config.Users[0].User.Token
	return nil
}
