package socket

import (
	"errors"
	"net"
	"sync"
	"time"

	gobwas "github.com/gobwas/ws"
)

// ErrSlow says that a write was done, but took longer than a client may.
var ErrSlow = errors.New("the client is too slow")

// ChunkSize is how much is written against one deadline.
const ChunkSize = 32 << 10

// Conn is a connection that two write frames to: the client's writer, many in
// one system call, and its reader, which answers pings. A frame of either is
// never in the midst of one of the other.
type Conn struct {
	net.Conn // nil until the handshake is done

	timeout time.Duration // for a chunk; then the client is slow
	grace   time.Duration // how much longer until the connection is given up
	counted func([]Frame) // is told what was written; nil: nobody is

	mu     sync.Mutex // held while a frame is written
	until  time.Time  // when the client is slow whatever it takes; zero: never
	ended  bool       // a close frame was sent, or a frame was cut
	chunks net.Buffers
}

// Control writes a control frame.
func (c *Conn) Control(op gobwas.OpCode, payload []byte) error {
	f, err := gobwas.CompileFrame(gobwas.NewFrame(op, true, payload))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return net.ErrClosed
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.timeout)) // if it fails so does the write
	_, err = c.Write(f)
	c.ended = err != nil || op == gobwas.OpClose
	return err
}

// Limit says by when what is sent from now on must be written; the zero time
// ends that.
func (c *Conn) Limit(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = until
}

// Send writes data frames. With ErrSlow they are written.
func (c *Conn) Send(frames ...Frame) error {
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
			part := f[:min(len(f), ChunkSize-size)]
			c.chunks = append(c.chunks, part)
			f = f[len(part):]
			if size += len(part); size == ChunkSize {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	err := flush()
	if err == nil && c.counted != nil && len(frames) > 0 {
		c.counted(frames)
	}
	if err == nil && slow {
		err = ErrSlow
	}
	return err
}

// flush writes the chunks. The mutex is held.
func (c *Conn) flush() (late bool, err error) {
	if len(c.chunks) == 0 {
		return false, nil
	}
	if c.ended {
		return false, net.ErrClosed
	}
	deadline := time.Now().Add(c.timeout)
	if !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
	}
	_ = c.SetWriteDeadline(deadline.Add(c.grace)) // if it fails so does the write
	rest := c.chunks
	_, err = rest.WriteTo(c.Conn)
	clear(c.chunks)
	c.chunks = c.chunks[:0]
	c.ended = err != nil
	return time.Now().After(deadline), err
}

// Sever ends the connection whatever is under way.
func (c *Conn) Sever() { _ = c.Close() } // there is nothing left to do with its error

// HangUp says that nothing more will be sent, and leaves it to the client to
// end the connection: to close it at once, with bytes of the client unread,
// could take the close frame back from the client.
func (c *Conn) HangUp() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.Sever()
	}
}
