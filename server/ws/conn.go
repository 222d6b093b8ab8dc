package ws

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// errSlow says that a write was done, but took longer than a client may.
var errSlow = errors.New("the client is too slow")

const (
	// controlSize is more than any control frame, header and all. The
	// websocket package writes nothing else, and each in one Write.
	controlSize = 256

	closeFrame = 0x88

	// chunkSize is how much is written against one deadline.
	chunkSize = 32 << 10
)

// conn is a connection that the websocket package reads and sends control
// frames on, while data frames, which all clients share, go past it as they
// are, many in one system call. A frame of either is never in the midst of one
// of the other.
type conn struct {
	net.Conn

	taken   atomic.Bool   // Conn is there
	timeout time.Duration // for a chunk; then the client is slow
	grace   time.Duration // how much longer until the connection is given up

	mu     sync.Mutex // held while a frame is written
	ended  bool       // a close frame was sent, or a frame was cut
	chunks net.Buffers
}

// Write writes one control frame.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, net.ErrClosed
	}
	if len(p) > 0 && p[0] == closeFrame {
		c.ended = true
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.timeout)) // if it fails so does the write
	n, err := c.Conn.Write(p)
	c.ended = c.ended || err != nil
	return n, err
}

// send writes data frames. With errSlow they are written.
func (c *conn) send(frames ...frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 0
	var slow bool
	flush := func() error {
		late, err := c.flush()
		slow, size = slow || late, 0
		return err
	}
	for _, f := range frames {
		for len(f) > 0 {
			part := f[:min(len(f), chunkSize-size)]
			c.chunks = append(c.chunks, part)
			f = f[len(part):]
			if size += len(part); size == chunkSize {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	err := flush()
	if err == nil && slow {
		err = errSlow
	}
	return err
}

// flush writes the chunks. The mutex is held.
func (c *conn) flush() (late bool, err error) {
	if len(c.chunks) == 0 {
		return false, nil
	}
	if c.ended {
		return false, net.ErrClosed
	}
	began := time.Now()
	_ = c.SetWriteDeadline(began.Add(c.timeout + c.grace)) // if it fails so does the write
	rest := c.chunks
	_, err = rest.WriteTo(c.Conn)
	clear(c.chunks)
	c.chunks = c.chunks[:0]
	c.ended = err != nil
	return time.Since(began) > c.timeout, err
}

// sever ends the connection whatever is under way.
func (c *conn) sever() {
	if c.taken.Load() {
		_ = c.Close() // there is nothing left to do with its error
	}
}

// upgrade is a response whose connection, when it is taken over, becomes a
// conn.
type upgrade struct {
	http.ResponseWriter

	conn *conn
}

// Hijack takes over the connection.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	u.conn.Conn = taken
	u.conn.taken.Store(true)
	return u.conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriterSize(u.conn, controlSize)), nil
}
