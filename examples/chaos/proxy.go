package chaos

import (
	"io"
	"net"
	"sync"
)

// Proxy stands before a database on a loopback port. Dark, it keeps all connections open
// and lets nothing through in either direction, as a network that drops packets; deaf, it
// keeps back the answers alone, so that the database does what nobody is told of.
type Proxy struct {
	network, address string
	listener         net.Listener
	running          sync.WaitGroup

	mu         sync.Mutex
	light      *sync.Cond
	dark, deaf bool
	open       map[net.Conn]bool
}

// OpenProxy starts a proxy for a database's address. It must be closed.
func OpenProxy(network, address string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{network: network, address: address, listener: listener, open: map[net.Conn]bool{}}
	p.light = sync.NewCond(&p.mu)
	p.running.Go(p.serve)
	return p, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Dark stops all bytes.
func (p *Proxy) Dark() { p.set(true, true) }

// Deaf stops what comes from the database.
func (p *Proxy) Deaf() { p.set(false, true) }

// Light ends what Dark or Deaf began: all that waited goes on.
func (p *Proxy) Light() { p.set(false, false) }

func (p *Proxy) set(dark, deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dark, p.deaf = dark, deaf
	p.light.Broadcast()
}

// Cut breaks all connections, what waited in them included.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
	p.light.Broadcast()
}

// Close ends the proxy and waits for its connections.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Light()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			p.Cut()
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.pass(server, client, &p.dark) })
		p.running.Go(func() { p.pass(client, server, &p.deaf) })
	}
}

// pass carries one direction of a connection, and ends both.
func (p *Proxy) pass(to, from net.Conn, shut *bool) {
	defer to.Close()
	defer from.Close()
	_, _ = io.Copy(gate{to, p, shut}, from)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, from)
}

// gate holds writes back while it is shut.
type gate struct {
	net.Conn
	proxy *Proxy
	shut  *bool
}

func (g gate) Write(data []byte) (int, error) {
	g.proxy.mu.Lock()
	for *g.shut && g.proxy.open[g.Conn] {
		g.proxy.light.Wait()
	}
	g.proxy.mu.Unlock()
	return g.Conn.Write(data)
}
