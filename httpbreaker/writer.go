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
}

// flushWriter, hijackWriter, pushWriter and fullWriter are writers over one
// that can as much; old code asks for these methods by their interfaces, and
// not through http.ResponseController.
type (
	flushWriter  struct{ writer }
	hijackWriter struct{ flushWriter }
	pushWriter   struct{ flushWriter }
	fullWriter   struct{ hijackWriter }
)

// wrap is w with a note of what is written.
func wrap(w http.ResponseWriter) (http.ResponseWriter, *writer) {
	inner := writer{ResponseWriter: w}
	_, flushes := w.(http.Flusher)
	_, hijacks := w.(http.Hijacker)
	_, pushes := w.(http.Pusher)
	switch {
	case flushes && hijacks && pushes:
		f := &fullWriter{hijackWriter{flushWriter{inner}}}
		return f, &f.writer
	case flushes && hijacks:
		h := &hijackWriter{flushWriter{inner}}
		return h, &h.writer
	case flushes && pushes:
		p := &pushWriter{flushWriter{inner}}
		return p, &p.writer
	case flushes:
		f := &flushWriter{inner}
		return f, &f.writer
	}
	return &inner, &inner
}

// code is the status of the answer, once its handler has returned.
func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
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
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// WriteString is Write without a copy, where the writer below knows how.
func (w *writer) WriteString(s string) (int, error) {
	w.note(http.StatusOK)
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom lets the writer below copy in its own way, such as from a file to a
// socket in the kernel.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	if n > 0 { // else a status can still be said
		w.note(http.StatusOK)
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
func (w *flushWriter) Flush() { _ = w.FlushError() }

// Hijack is that of an http.Hijacker.
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Push is that of an http.Pusher.
func (w *pushWriter) Push(target string, opts *http.PushOptions) error {
	return push(w.ResponseWriter, target, opts)
}

// Push is that of an http.Pusher.
func (w *fullWriter) Push(target string, opts *http.PushOptions) error {
	return push(w.ResponseWriter, target, opts)
}

func push(w http.ResponseWriter, target string, opts *http.PushOptions) error {
	if p, ok := w.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}
