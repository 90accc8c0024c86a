package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// connection is one client's connection to a server, over plain HTTP/1.1. It does as little as
// it can, as wrk does: the clients share the machine with what they measure.
type connection struct {
	server *server
	conn   net.Conn
	reader *bufio.Reader
	out    bytes.Buffer
	body   []byte // of the last answer
}

func (p *server) connect() (*connection, error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	return &connection{server: p, conn: conn, reader: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

// send sends a request; headers are whole lines, each with its end.
func (c *connection) send(method, path, headers string, body []byte) error {
	c.out.Reset()
	fmt.Fprintf(&c.out, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n",
		method, path, c.server.addr, c.server.token, headers, len(body))
	c.out.Write(body)
	_, err := c.conn.Write(c.out.Bytes())
	return err
}

// call sends a document, and has to succeed; the answer is valid until the next one.
func (c *connection) call(ctx context.Context, method, path, media string, body []byte) ([]byte, error) {
	return c.ask(ctx, method, path, "Content-Type: "+media+"\r\n", body)
}

// ask makes a request that has to succeed; the answer is valid until the next one.
func (c *connection) ask(ctx context.Context, method, path, headers string, body []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := c.send(method, path, headers, body); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer answer.Body.Close()
	into := bytes.NewBuffer(c.body[:0])
	if _, err := io.Copy(into, answer.Body); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	c.body = into.Bytes()
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, c.body)
	}
	return c.body, nil
}

// stringField is the text of the first field of a name in a JSON document, "" when there is none:
// a client that reads the whole document would cost more than the server that writes it.
func stringField(document []byte, name string) string {
	_, rest, _ := bytes.Cut(document, []byte(`"`+name+`":"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}
