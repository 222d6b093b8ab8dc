// Package faultproxy is a TCP proxy that fails as networks do, when a test says
// so.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Mode is what the proxy does with connections.
type Mode int

// The modes. The first is that of a new Proxy.
const (
	// Forward carries both ways.
	Forward Mode = iota

	// Blackhole takes connections and carries nothing, as a network that is
	// parted: what was sent arrives when it forwards again, and no connection
	// ends.
	Blackhole

	// BlackholeUp carries nothing from the client to the server.
	BlackholeUp

	// BlackholeDown carries nothing from the server to the client.
	BlackholeDown

	// Close ends all connections, and new ones at once, with a FIN.
	Close

	// Reset ends all connections, and new ones at once, with a RST.
	Reset
)

// Proxy listens on 127.0.0.1. It is safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	mode    Mode
	changed chan struct{} // closed, and made anew, when mode changes
	open    map[net.Conn]struct{}
	closed  bool
}

// New is a proxy for the address of a server, which need not be there.
func New(target string) (*Proxy, error) {
	l, err := Listen()
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, changed: make(chan struct{}), open: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	return p, nil
}

// Listen listens on a free port of 127.0.0.1 that no outgoing connection is
// given by chance, so that whoever stops listening finds it free again.
func Listen() (net.Listener, error) {
	const least, most = 10000, 32000 // below the ephemeral ports of Linux
	for range 100 {
		port := least + rand.IntN(most-least) //nolint:gosec // nobody gains by guessing it
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("faultproxy: no free port in %d … %d", least, most)
}

// Addr is where it listens: an IP address and a port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes the mode, also for the connections that are open.
func (p *Proxy) Set(m Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	close(p.changed)
	p.changed = make(chan struct{})
	if m == Close || m == Reset {
		p.endAll(m)
	}
}

func (p *Proxy) endAll(m Mode) {
	for c := range p.open {
		end(c, m)
		delete(p.open, c)
	}
}

func end(c net.Conn, m Mode) {
	if tcp, ok := c.(*net.TCPConn); ok && m == Reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// Close stops it, ends all connections, and waits for its goroutines.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Set(Reset)
	p.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.track(c) {
			p.running.Go(func() { p.serve(c) })
		}
	}
}

// track remembers a connection, or ends it where the mode says so.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mode == Close || p.mode == Reset {
		end(c, p.mode)
		return false
	}
	p.open[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// await waits until a way is open, and reports whether connections may go on.
func (p *Proxy) await(blocked Mode) bool {
	for {
		p.mu.Lock()
		mode, changed, closed := p.mode, p.changed, p.closed
		p.mu.Unlock()
		switch {
		case closed || mode == Close || mode == Reset:
			return false
		case mode != Blackhole && mode != blocked:
			return true
		}
		<-changed
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.untrack(client)
	if !p.await(BlackholeUp) {
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.target)
	if err != nil || !p.track(server) {
		return
	}
	defer p.untrack(server)
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client, BlackholeUp) })
	both.Go(func() { p.carry(client, server, BlackholeDown) })
	both.Wait()
}

// carry copies one way until from ends, which it tells to.
func (p *Proxy) carry(to, from net.Conn, blocked Mode) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.await(blocked) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				p.untrack(from)
				return
			}
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
	}
}
