package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// lastWordsTimeout is how long the last words of an upstream that has closed a
// WebSocket may take to reach a client that is still writing.
const lastWordsTimeout = 5 * time.Second

// switching readies an answer that switches protocols. One that was not asked
// for is refused here, where its connection can be closed.
func (u *upstream) switching(r *http.Request, resp *http.Response, err error) (*http.Response, error) {
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	from, to := r.Header.Get("Upgrade"), resp.Header.Get("Upgrade")
	if !ok || from == "" || !strings.EqualFold(from, to) {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the upstream switches to %q, where %q was asked for", to, from)
	}
	l, _ := r.Context().Value(lineKey{}).(*line)
	resp.Body = &switched{ReadWriteCloser: conn, line: l}
	return resp, nil
}

// line is the connection to a client that has been hijacked.
type line struct {
	mu   sync.Mutex
	conn net.Conn
}

type lineKey struct{}

func (l *line) set(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

func (l *line) cut() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// switched is the connection to an upstream that has switched protocols. If it
// breaks, what the upstream said last may be on its way still, while the client
// goes on writing: so what the client says is lost in silence, the end of what
// the upstream said is an end like others, and then, or after a while, the
// client closes its side, or is cut off.
type switched struct {
	io.ReadWriteCloser

	line *line

	mu     sync.Mutex
	closed bool
	cut    *time.Timer // nil: it has not broken
}

// Read reads from the upstream.
func (s *switched) Read(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && s.breaks() {
		err = io.EOF
	}
	return n, err
}

// Write writes to the upstream.
func (s *switched) Write(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Write(p)
	if err != nil && s.breaks() {
		return len(p), nil
	}
	return n, err
}

// CloseWrite tells the upstream that the client has said everything.
func (s *switched) CloseWrite() error {
	if c, ok := s.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}

// Close closes the connection, and that to the client if it waits for nothing
// else.
func (s *switched) Close() error {
	s.mu.Lock()
	s.closed = true
	broken := s.cut != nil && s.cut.Stop()
	s.mu.Unlock()
	if broken {
		s.line.cut()
	}
	return s.ReadWriteCloser.Close()
}

// breaks reports whether an error is the upstream's doing, and not of the Close.
func (s *switched) breaks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.cut == nil {
		s.cut = time.AfterFunc(lastWordsTimeout, func() {
			s.line.cut()
			_ = s.Close()
		})
	}
	return !s.closed
}

// hijackable notes the connection that is hijacked through it.
type hijackable struct {
	http.ResponseWriter

	line *line
}

// Hijack is that of an http.Hijacker.
func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		h.line.set(conn)
	}
	return conn, rw, err
}

// Unwrap lets an http.ResponseController find the rest.
func (h hijackable) Unwrap() http.ResponseWriter { return h.ResponseWriter }
