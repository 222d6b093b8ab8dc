package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/wire"
)

const streamPath = "/api/v2/ws/circuit-breaker"

// client is one socket of a swarm. Its fields are its goroutine's, but conn.
type client struct {
	swarm  *Swarm
	number int
	conn   atomic.Pointer[net.Conn]
	frames frames
	buffer []byte

	epoch   string
	seq     uint64
	changes int  // that it was told of
	placed  bool // it has everything
	times   int  // that it had
}

// run connects, and again where the swarm says so, until the swarm ends.
func (c *client) run(connected func()) {
	for try := 0; ; try++ {
		err := c.once(connected)
		if c.swarm.ended() {
			return
		}
		if c.placed {
			try, c.placed = 0, false
		}
		if !c.swarm.spec.Return {
			c.swarm.lose(fmt.Errorf("client %d: %w", c.number, err))
			return
		}
		c.swarm.tries.Add(1)
		if !c.swarm.pause(backoff(try)) {
			return
		}
	}
}

// backoff is how a client of ours waits between two tries: anything up to a
// bound that doubles from 0.1 s to 30 s.
func backoff(try int) time.Duration {
	const first, most = 100 * time.Millisecond, 30 * time.Second
	bound := most
	if try < 8 {
		bound = first << try
	}
	return rand.N(bound) //nolint:gosec // it is no secret
}

// once connects, says so, and reads until the connection ends.
func (c *client) once(connected func()) error {
	dialer := net.Dialer{Timeout: 30 * time.Second}
	if source := c.swarm.source(c.number); source != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: source}
	}
	conn, err := dialer.DialContext(context.Background(), "tcp", c.swarm.spec.Address)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // there is nothing to lose
	c.conn.Store(&conn)
	if c.swarm.ended() {
		return net.ErrClosed
	}
	c.frames = frames{record: c.swarm.spec.Record && c.number == 0}
	if len(c.buffer) == 0 {
		c.buffer = make([]byte, c.swarm.spec.Buffer)
	}
	got := func(op byte, head []byte) error { return c.got(conn, op, head) }
	if !c.swarm.spec.Raw {
		rest, err := c.shakeHands(conn)
		if err == nil {
			err = c.frames.feed(rest, got)
		}
		if err != nil {
			return err
		}
	} else if !c.swarm.spec.Greeted {
		c.place()
	}
	connected()
	for {
		n, err := conn.Read(c.buffer)
		if err == nil || n > 0 {
			err = errors.Join(c.frames.feed(c.buffer[:n], got), err)
		}
		if err != nil {
			return err
		}
	}
}

// shakeHands asks for the stream; rest is what came behind the answer.
func (c *client) shakeHands(conn net.Conn) (rest []byte, err error) {
	s := &c.swarm.spec
	query := ""
	if c.epoch != "" {
		query = fmt.Sprintf("?epoch=%s&seq=%d", c.epoch, c.seq)
	}
	if _, err := fmt.Fprintf(conn, "GET %s%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
		streamPath, query, s.Address, s.Tokens[c.number/s.PerToken%len(s.Tokens)]); err != nil {
		return nil, err
	}
	var answer []byte
	for {
		n, err := conn.Read(c.buffer)
		answer = append(answer, c.buffer[:n]...)
		header, rest, whole := bytes.Cut(answer, []byte("\r\n\r\n"))
		switch {
		case whole && bytes.HasPrefix(header, []byte("HTTP/1.1 101 ")):
			return rest, nil
		case whole, err == nil && len(answer) > 16<<10:
			line, _, _ := bytes.Cut(answer, []byte("\r\n"))
			return nil, fmt.Errorf("the stream was refused: %s", line)
		case err != nil:
			return nil, err
		}
	}
}

// got takes a frame.
func (c *client) got(conn net.Conn, op byte, head []byte) error {
	switch op {
	case opPing:
		_, err := conn.Write(pong(head))
		return err
	case opClose:
		return fmt.Errorf("closed by the server: %q: %w", head, io.EOF)
	}
	message := kind(head)
	c.swarm.keep(&c.frames, message)
	switch message {
	case wire.TypeConnectionStatus:
		before := c.epoch
		c.epoch, c.seq = word(head, "epoch"), number(head, "seq")
		if c.epoch == before && !c.swarm.spec.Raw { // what it missed is all that comes
			c.place()
		}
	case wire.TypeServicesState:
		c.swarm.pages.Add(1)
		c.seq = number(head, "seq")
		if number(head, "page") == number(head, "pages") {
			c.place()
		}
	case wire.TypeServiceUpdate:
		c.seq = number(head, "seq")
		c.swarm.told(c.changes)
		c.changes++
	case wire.TypeHeartbeat:
		c.seq = number(head, "seq")
	}
	return nil
}

// place says that the client has everything.
func (c *client) place() {
	if !c.placed {
		c.placed = true
		c.swarm.place(c.times)
		c.times++
	}
}

// cut ends the connection, if there is one.
func (c *client) cut() {
	if conn := c.conn.Load(); conn != nil {
		_ = (*conn).Close() // its reader sees it
	}
}
