package main

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// tlsHandshake is the first byte that a TLS client sends (RFC 8446, 5.1); no
// HTTP request starts with it.
const tlsHandshake = 0x16

// acceptAgain is the pause before a connection is accepted again when there were too many.
const acceptAgain = 50 * time.Millisecond

// splitTLS tells TLS from plain connections by their first byte, so that one
// loopback address serves both: HTTPS for kubectl, which sends no token without it, and
// plain HTTP for curl and browsers. Both listeners end when l does.
func splitTLS(l net.Listener) (plain, secure net.Listener) {
	s := &splitter{Listener: l, done: make(chan struct{})}
	p := &branch{splitter: s, conns: make(chan net.Conn)}
	t := &branch{splitter: s, conns: make(chan net.Conn)}
	go s.run(p.conns, t.conns)
	return p, t
}

type splitter struct {
	net.Listener
	close sync.Once
	done  chan struct{}
	err   error // why Accept failed; set before done is closed
}

// Close ends both branches; the second of them finds nothing left to do.
func (s *splitter) Close() (err error) {
	s.close.Do(func() { err = s.Listener.Close() })
	return err
}

// branch is one of the two listeners.
type branch struct {
	*splitter
	conns chan net.Conn
}

func (b *branch) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, b.err
	}
}

func (s *splitter) run(plain, secure chan<- net.Conn) {
	for {
		c, err := s.Listener.Accept()
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			continue
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) { // until others close theirs
			time.Sleep(acceptAgain)
			continue
		}
		if err != nil {
			s.err = err
			close(s.done)
			return
		}
		go s.sort(c, plain, secure)
	}
}

// sort hands a connection to the branch of its first byte. One that says nothing
// for ten seconds is closed.
func (s *splitter) sort(c net.Conn, plain, secure chan<- net.Conn) {
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReaderSize(c, 16)
	first, err := r.Peek(1)
	if err != nil {
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	to := plain
	if first[0] == tlsHandshake {
		to = secure
	}
	select {
	case to <- &peeked{Conn: c, r: r}:
	case <-s.done:
		c.Close()
	}
}

// peeked is a connection whose first bytes were read ahead.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }
