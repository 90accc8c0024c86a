package examples

import (
	"fmt"
	"syscall"
	"time"

	"github.com/powernode/powernode/examples/chaos"
)

// breaks does what a fault is, and returns when it and the rest after it are over.
func (c *cluster) breaks(f chaos.Fault) {
	c.t.Helper()
	s := c.servers[f.Node]
	switch f.Sort {
	case chaos.Kill:
		s.kill()
		time.Sleep(f.For)
		c.restart(f.Node)
	case chaos.Restart:
		for _, s := range c.servers {
			s.kill()
		}
		for i := range c.servers {
			c.restart(i)
		}
	case chaos.Freeze:
		c.signal(s, syscall.SIGSTOP)
		time.Sleep(f.For)
		c.signal(s, syscall.SIGCONT)
	case chaos.Deafen:
		if _, err := c.psql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listener'`); err != nil {
			c.t.Fatal(err)
		}
	case chaos.Crash:
		c.crash()
	default:
		c.severs(f)
	}
	time.Sleep(f.Rest)
}

// severs does those faults that are a proxy's.
func (c *cluster) severs(f chaos.Fault) {
	data, listen := c.data[f.Node], c.listen[f.Node]
	switch f.Sort {
	case chaos.Cut:
		data.Cut()
		listen.Cut()
		return
	case chaos.Muffle:
		listen.Dark()
	case chaos.Darken, chaos.Forget:
		data.Dark()
		listen.Dark()
	case chaos.Lose:
		data.Deaf()
	}
	time.Sleep(f.For)
	switch f.Sort {
	case chaos.Lose:
		data.Cut()
	case chaos.Forget:
		c.remember(`(SELECT v FROM counter)`)
	}
	data.Light()
	listen.Light()
}

// remember says from when on history may be asked for. What is before is still there, but for the servers.
func (c *cluster) remember(from string) {
	c.t.Helper()
	if _, err := c.psql(`UPDATE history SET floor = ` + from); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) restart(i int) {
	c.t.Helper()
	c.servers[i].start()
	c.serve(i)
}

func (c *cluster) signal(s *server, signal syscall.Signal) {
	c.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		c.t.Fatal(err)
	}
}

// crash is an immediate stop of PostgreSQL, which then recovers.
func (c *cluster) crash() {
	c.t.Helper()
	old := c.database.PID()
	if err := syscall.Kill(old, syscall.SIGQUIT); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "PostgreSQL is back", func() error {
		if pid := c.database.PID(); pid == old || pid == 0 {
			return fmt.Errorf("process %d", pid)
		}
		_, err := c.psql("SELECT 1")
		return err
	})
	if c.held != nil { // it has ended with the rest
		c.held()
		c.holdTransaction()
	}
}
