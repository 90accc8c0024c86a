package chaos

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// answering is a database that says each line again, and what it has heard.
func answering(t *testing.T) (address string, heard chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	heard = make(chan string, 10)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					heard <- lines.Text()
					io.WriteString(c, lines.Text()+"\n")
				}
			}()
		}
	}()
	return listener.Addr().String(), heard
}

func TestAProxyKeepsBackWhatItIsTold(t *testing.T) {
	address, heard := answering(t)
	p, err := OpenProxy("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	say := func(line string) { io.WriteString(c, line+"\n") }
	answered := func(line string) {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := answers.ReadString('\n'); err != nil || got != line+"\n" {
			t.Errorf("answered %q, %v; want %q", got, err, line)
		}
	}
	say("one")
	answered("one")
	<-heard

	p.Deaf()
	say("two")
	<-heard // and yet:
	silent(t, c, answers)
	p.Light()
	answered("two")

	p.Dark()
	say("three")
	silent(t, c, answers)
	if len(heard) > 0 {
		t.Errorf("it was dark, and the database heard %q", <-heard)
	}
	p.Cut()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := answers.ReadByte(); err != io.EOF && !isReset(err) {
		t.Errorf("after the cut: %v", err)
	}
}

// silent makes sure that nothing is answered for a moment.
func silent(t *testing.T, c net.Conn, answers *bufio.Reader) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if b, err := answers.Peek(1); err == nil {
		t.Errorf("answered %q", b)
	}
}

// isReset reports whether the other end broke a connection off, and not we.
func isReset(err error) bool {
	e, ok := err.(net.Error)
	return ok && !e.Timeout()
}
