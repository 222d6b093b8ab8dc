package httpbreaker

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// writer notes the status that is written through it.
type writer struct {
	http.ResponseWriter

	status     int // 0: none yet
	retryAfter string
	hijacked   bool
	late       bool // nobody gets the answer: there is another already
}

// flusher, hijacker and pusher are what a writer can do besides. Old code asks
// for these methods by their interfaces, and not through
// http.ResponseController.
type (
	flusher  struct{ w *writer }
	hijacker struct{ w *writer }
	pusher   struct{ http.Pusher }
)

// wrap is w with a note of what is written. It can do as much as w.
func wrap(w http.ResponseWriter) (http.ResponseWriter, *writer) {
	inner := &writer{ResponseWriter: w}
	_, flushes := w.(http.Flusher)
	_, hijacks := w.(http.Hijacker)
	p, pushes := w.(http.Pusher)
	f, h, q := flusher{inner}, hijacker{inner}, pusher{p}
	switch {
	case flushes && hijacks && pushes:
		return struct {
			*writer
			flusher
			hijacker
			pusher
		}{inner, f, h, q}, inner
	case flushes && hijacks:
		return struct {
			*writer
			flusher
			hijacker
		}{inner, f, h}, inner
	case flushes && pushes:
		return struct {
			*writer
			flusher
			pusher
		}{inner, f, q}, inner
	case hijacks && pushes:
		return struct {
			*writer
			hijacker
			pusher
		}{inner, h, q}, inner
	case flushes:
		return struct {
			*writer
			flusher
		}{inner, f}, inner
	case hijacks:
		return struct {
			*writer
			hijacker
		}{inner, h}, inner
	case pushes:
		return struct {
			*writer
			pusher
		}{inner, q}, inner
	}
	return inner, inner
}

// code is the status of the answer, once its handler has returned.
func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// nothing reports whether the client got nothing from the handler.
func (w *writer) nothing() bool { return w.status == 0 && !w.hijacked || w.late }

// noteWriting is note of a writing without a status.
func (w *writer) noteWriting(err error) {
	if errors.Is(err, http.ErrHandlerTimeout) {
		w.late = true
	}
	w.note(http.StatusOK)
}

func (w *writer) note(status int) {
	if w.status == 0 {
		w.status = status
		w.retryAfter = w.Header().Get("Retry-After")
	}
}

// Unwrap lets an http.ResponseController find the line.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader is that of an http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols { // the others are only on the way
		w.note(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is that of an http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.noteWriting(err)
	return n, err
}

// WriteString is Write without a copy, where the writer below knows how.
func (w *writer) WriteString(s string) (int, error) {
	n, err := io.WriteString(w.ResponseWriter, s)
	w.noteWriting(err)
	return n, err
}

// ReadFrom lets the writer below copy in its own way, such as from a file to a
// socket in the kernel.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	if n > 0 { // else a status can still be said
		w.noteWriting(err)
	}
	return n, err
}

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		w.note(http.StatusOK)
	}
	return err
}

// Flush is that of an http.Flusher.
func (f flusher) Flush() { _ = f.w.FlushError() }

// Hijack is that of an http.Hijacker.
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.w.ResponseWriter).Hijack()
	h.w.hijacked = h.w.hijacked || err == nil
	return conn, rw, err
}
