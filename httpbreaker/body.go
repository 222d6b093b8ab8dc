package httpbreaker

import (
	"errors"
	"io"
	"sync/atomic"
)

// body is the body of an answer, with whose end the operation ends. It may be
// closed while it is read.
type body struct {
	io.ReadCloser

	op    operation
	ended atomic.Bool
}

// writableBody is a body that can also be written to.
type writableBody struct {
	*body
	io.Writer
}

func guard(rc io.ReadCloser, o operation) io.ReadCloser {
	b := &body{ReadCloser: rc, op: o}
	if w, ok := rc.(io.Writer); ok {
		return &writableBody{b, w}
	}
	return b
}

// Read reads from the answer; an error of it ends the operation.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.ended.CompareAndSwap(false, true) {
		if errors.Is(err, io.EOF) {
			b.op.endByStatus()
		} else {
			b.op.fail(err)
		}
	}
	return n, err
}

// Close ends the operation by the answer's status, if it has not ended yet.
// That comes first: a Read that the closing interrupts is no failure.
func (b *body) Close() error {
	if b.ended.CompareAndSwap(false, true) {
		b.op.endByStatus()
	}
	return b.ReadCloser.Close()
}

// sentBody is the body of a request. If it cannot be read, what becomes of the
// request is the caller's doing.
type sentBody struct {
	io.ReadCloser

	closed, broken atomic.Bool

	// turns is odd while the caller is waited for, and even while the server is.
	turns atomic.Uint64
}

// Read reads what is to be sent.
func (b *sentBody) Read(p []byte) (int, error) {
	b.turns.Add(1)
	n, err := b.ReadCloser.Read(p)
	b.turns.Add(1)
	if err != nil && !errors.Is(err, io.EOF) && !b.closed.Load() {
		b.broken.Store(true)
	}
	return n, err
}

// Close is called when the sender needs no more, or has failed: what Read says
// from then on means nothing.
func (b *sentBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

func (b *sentBody) failed() bool { return b != nil && b.broken.Load() }
