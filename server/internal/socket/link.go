// Package socket is what the WebSockets of the server have in common: who is let
// in, frames, deadlines, limits, and how a socket ends.
//
// # Promises
//
//  1. Nobody is let in without a token of the role, nor from a page of another
//     origin, and no long-lived token stands in a URL.
//  2. What RFC 6455 forbids is closed with the code that it has for it, before
//     more of it is read.
//  3. A far end that is slow to send a message, or to take one, is given up; it
//     is told why where it can still be told.
//  4. A socket ends once, with one code, whoever ends it.
package socket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	gobwas "github.com/gobwas/ws"
)

const (
	// EndTimeout is how long the far end has to answer a close frame, or to take
	// what was on its way before it.
	EndTimeout = 3 * time.Second

	// GraceTimeout is how much longer than it may a write can take and the far
	// end still be told why it is closed.
	GraceTimeout = 3 * time.Second

	// MaxControls is how many pings, pongs and empty parts of messages may come
	// within any minute.
	MaxControls = 120
)

// Options say how a Link works.
type Options struct {
	ReadLimit      int           // the largest message that comes, in bytes
	MessageTimeout time.Duration // for a message, from its first byte to its last
	WriteTimeout   time.Duration // for what is taken, each ChunkSize of it

	Sent  func([]Frame)  // is told what was written; nil: nobody is
	Ended func(code int) // is told of an end that the server chose; nil: nobody is
	Gone  func()         // is called when the far end has gone, before it can know; nil: nothing is
}

// Link is one socket. One goroutine reads (Read), one writes data (Send), and
// anybody may end it.
type Link struct {
	Conn

	in      incoming
	opts    Options
	closing chan struct{} // closed by the end

	endOnce    sync.Once
	code       int
	reason     string
	left       bool // it has gone by itself
	severTimer *time.Timer
	departed   atomic.Bool // its close frame has come, or its connection has gone
	ponged     atomic.Bool // since it was pinged

	controls Ring      // the reader's
	pinged   time.Time // the writer's
	asked    bool      // likewise: a pong is awaited
}

// NewLink is a Link that has no connection yet.
func NewLink(o Options) *Link {
	l := &Link{opts: o, closing: make(chan struct{})}
	l.timeout, l.grace, l.counted = o.WriteTimeout, GraceTimeout, o.Sent
	l.in = incoming{limit: o.ReadLimit, control: l.control, empty: l.countControl, timeout: o.MessageTimeout, overdue: func() {
		l.End(ClosePolicy, "a message took too long to come")
	}}
	return l
}

// Take gives the Link its connection, before anything else is done with it but
// to end it.
func (l *Link) Take(conn net.Conn, r *bufio.Reader) {
	l.Conn.Conn, l.in.r, l.pinged = conn, r, time.Now()
}

// Closing is closed when the socket is to end.
func (l *Link) Closing() <-chan struct{} { return l.closing }

// IsClosing reports whether the socket is to end.
func (l *Link) IsClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// End has the socket closed with the code. The first call, of this and of Leave,
// counts.
func (l *Link) End(code int, reason string) { l.close(code, reason, false) }

// Leave is End for a far end that has gone by itself.
func (l *Link) Leave(code int, reason string) { l.close(code, reason, true) }

func (l *Link) close(code int, reason string, left bool) {
	l.endOnce.Do(func() {
		l.code, l.reason, l.left = code, reason, left
		if !left && l.opts.Ended != nil {
			l.opts.Ended(code)
		}
		l.severTimer = time.AfterFunc(EndTimeout, l.sever)
		close(l.closing)
	})
}

// sever is Sever for a Link that may have no connection yet.
func (l *Link) sever() {
	if l.Conn.Conn != nil {
		l.Sever()
	}
}

// Why is how the socket ended: with which code, and whether its far end has left
// by itself. It is known once Closing is closed.
func (l *Link) Why() (code int, reason string, left bool) { return l.code, l.reason, l.left }

// Farewell says why the socket is closed, or gives the far end's own close frame
// back. It is for the writer, after Closing.
func (l *Link) Farewell() {
	err := l.Control(gobwas.OpClose, closePayload(l.code, l.reason)) // whoever is gone need not be told
	if err == nil && !l.departed.Load() {
		l.HangUp()
	}
}

// Dispose frees what the Link holds, when nobody reads or writes any more.
func (l *Link) Dispose() {
	l.sever()
	l.severTimer.Stop()
}

// Read calls receive with each message until the connection ends, and then ends
// the Link. Once that is closing, what comes is dropped: only the close frame
// counts. The message is only lent.
func (l *Link) Read(receive func(message []byte)) {
	for {
		data, err := l.in.next()
		if err != nil {
			l.stop(err)
			return
		}
		if !l.IsClosing() {
			receive(data)
		}
	}
}

// stop ends the Link for an error of reading.
func (l *Link) stop(err error) {
	if v, ok := errors.AsType[*violationError](err); ok {
		l.End(v.code, v.reason)
		_, _ = io.Copy(io.Discard, l.in.r) // until it hangs up, or is severed
		return
	}
	left, said := errors.AsType[*departure](err)
	if l.opts.Gone != nil {
		l.opts.Gone()
	}
	l.departed.Store(true)
	if said {
		l.Leave(left.code, left.reason)
		return
	}
	l.Leave(CloseNone, "")
	l.Sever()
}

// departure is the far end's close frame.
type departure struct {
	code   int
	reason string
}

// Error says that it was closed.
func (*departure) Error() string { return "the far end has closed the socket" }

// errFlood ends one that only sends what needs no answer.
var errFlood = &violationError{ClosePolicy, "too many control frames"}

// control answers a control frame.
func (l *Link) control(op gobwas.OpCode, payload []byte) error {
	if op == gobwas.OpClose {
		if len(payload) == 0 {
			return &departure{}
		}
		return &departure{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
	}
	if err := l.countControl(); err != nil {
		return err
	}
	if op == gobwas.OpPong {
		l.ponged.Store(true)
		return nil
	}
	_ = l.Control(gobwas.OpPong, payload) // who cannot be answered is found by the writer, too
	return nil
}

// countControl counts what is no message.
func (l *Link) countControl() error {
	if l.controls.More(time.Now(), MaxControls) {
		return errFlood
	}
	return nil
}

// ErrNoPong says that the far end did not answer a ping.
var ErrNoPong = errors.New("no pong")

// Ping asks, once each interval, whether the far end is still there; ErrNoPong
// says that it did not answer within the timeout. The writer calls it now and
// then.
func (l *Link) Ping(now time.Time, interval, timeout time.Duration) error {
	switch since := now.Sub(l.pinged); {
	case l.asked && l.ponged.Load():
		l.asked = false
	case l.asked && since >= timeout:
		return ErrNoPong
	}
	if l.asked || now.Sub(l.pinged) < interval {
		return nil
	}
	l.pinged, l.asked = now, true
	l.ponged.Store(false)
	return l.Control(gobwas.OpPing, nil)
}

// Failed ends a Link that could not be written to, and reports whether that is
// what err says; slow: because the far end was too slow.
func (l *Link) Failed(err error) (known, slow bool) {
	var lost net.Error
	switch {
	case errors.Is(err, ErrSlow):
		l.End(CloseTryLater, "too slow")
		return true, true
	case errors.Is(err, ErrNoPong):
		l.End(CloseGoingAway, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded): // a frame was cut: there can be no other after it
		l.End(CloseTryLater, "too slow")
		l.Sever()
		return true, true
	case errors.As(err, &lost), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		l.departed.Store(true)
		l.Leave(CloseNone, "")
		l.Sever()
	default:
		return false, false
	}
	return true, false
}
