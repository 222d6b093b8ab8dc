package postgres_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cut is a network in between that can be cut.
type cut struct {
	url      string
	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newCut(t *testing.T, to string) *cut {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cut{to: u.Host, listener: l, conns: make(map[net.Conn]struct{})}
	u.Host = l.Addr().String()
	c.url = u.String()
	c.running.Go(c.accept)
	t.Cleanup(func() {
		_ = l.Close()
		c.cut()
		c.running.Wait()
	})
	return c
}

func (c *cut) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		other, err := new(net.Dialer).DialContext(context.Background(), "tcp", c.to)
		if err != nil || !c.hold(conn, other) {
			_ = conn.Close()
			if err == nil {
				_ = other.Close()
			}
			continue
		}
		for _, pair := range [][2]net.Conn{{conn, other}, {other, conn}} {
			c.running.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
				_ = pair[1].Close()
			})
		}
	}
}

// hold keeps what is to be cut, unless nobody gets in.
func (c *cut) hold(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if !c.closed {
			c.conns[conn] = struct{}{}
		}
	}
	return !c.closed
}

// cut ends all connections.
func (c *cut) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
		delete(c.conns, conn)
	}
}

// shut lets nobody in; open does again.
func (c *cut) shut() { c.set(true) }
func (c *cut) open() { c.set(false) }

func (c *cut) set(closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = closed
}
