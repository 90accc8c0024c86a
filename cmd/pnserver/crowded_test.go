package main

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// crowdedListener has no place for its first connection.
type crowdedListener struct {
	net.Listener
	refused bool
}

func (l *crowdedListener) Accept() (net.Conn, error) {
	if !l.refused {
		l.refused = true
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestTooManyConnectionsEndNoListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := splitTLS(&crowdedListener{Listener: listener})
	defer plain.Close()
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("G")); err != nil {
		t.Fatal(err)
	}
	accepted, err := plain.Accept()
	if err != nil {
		t.Fatalf("the listener ended: %v", err)
	}
	accepted.Close()
}
