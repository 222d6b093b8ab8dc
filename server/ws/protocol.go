package ws

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// What RFC 6455 calls the bits of a frame.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	finalBit     = 0x80
	reservedBits = 0x70
	opBits       = 0x0f
	controlBit   = 0x08
	maskBit      = 0x80

	length16, length64 = 126, 127 // mark a length of 2 or 8 bytes

	// maxControl is the longest payload of a control frame.
	maxControl = 125
)

// The codes that a socket is closed with.
const (
	closeNone        = 0 // nothing is said
	closeNormal      = 1000
	closeGoingAway   = 1001
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeNotUTF8     = 1007
	closePolicy      = 1008
	closeTooBig      = 1009
	closeInternal    = 1011
	closeTryLater    = 1013
)

// violation is what a client may not do: it is closed with the code. Nothing
// after it can be read.
type violation struct {
	code   int
	reason string
}

// Error is the reason, as the client is told it.
func (v *violation) Error() string { return v.reason }

func broken(reason string) error { return &violation{closeProtocol, reason} }

// head is the beginning of a frame.
type head struct {
	op    byte
	final bool
	size  uint64
}

func (h *head) control() bool { return h.op&controlBit != 0 }

// incoming reads the messages of a client. It looks at each byte once, as it
// comes, and keeps no more of a message than has come.
type incoming struct {
	r *bufio.Reader

	// control is given each control frame; its error ends the reading. The
	// payload is only lent.
	control func(op byte, payload []byte) error

	// empty is told of each frame that brings a message no further.
	empty func() error

	// timeout is how long a message may take, and overdue what happens then.
	timeout time.Duration
	overdue func()

	room [maxControl]byte
}

// next is the next message. Beside what control and empty return, and errors of
// the connection, its error is a violation.
func (in *incoming) next() ([]byte, error) {
	var m partial
	var timer *time.Timer
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	for {
		if _, err := in.r.Peek(1); err != nil {
			return nil, err
		}
		if timer == nil {
			timer = time.AfterFunc(in.timeout, in.overdue)
		}
		h, err := in.head(m.begun, len(m.data))
		if err != nil {
			return nil, err
		}
		if h.control() {
			if err := in.controlFrame(h); err != nil {
				return nil, err
			}
			if !m.begun {
				timer.Stop()
				timer = nil
			}
			continue
		}
		m.begun = true
		if err := in.data(h, &m); err != nil || h.final {
			return m.data, err
		}
	}
}

// head reads the beginning of a frame, up to its mask, and refuses what cannot
// follow a message of which so much has come.
func (in *incoming) head(begun bool, had int) (h head, err error) {
	var b [2]byte
	if _, err := io.ReadFull(in.r, b[:]); err != nil {
		return h, err
	}
	h = head{op: b[0] & opBits, final: b[0]&finalBit != 0, size: uint64(b[1] &^ maskBit)}
	switch {
	case b[0]&reservedBits != 0:
		return h, broken("a reserved bit is set")
	case h.op > opPong, h.op > opBinary && h.op < opClose:
		return h, broken("an unknown opcode")
	case b[1]&maskBit == 0:
		return h, broken("a frame is not masked")
	case h.control() && (!h.final || h.size > maxControl):
		return h, broken("a control frame is in parts, or too long")
	case h.op == opContinuation && !begun:
		return h, broken("a frame continues nothing")
	case (h.op == opText || h.op == opBinary) && begun:
		return h, broken("a message begins in another")
	}
	if h.size, err = in.length(h.size); err != nil {
		return h, err
	}
	switch {
	case h.control():
	case h.op == opBinary:
		return h, &violation{closeUnsupported, "messages are text"}
	case h.size > uint64(readLimit-had): //nolint:gosec // had is readLimit at most
		return h, &violation{closeTooBig, "a message is at most 16 KiB"}
	}
	return h, nil
}

// length is the length that the seven bits stand for.
func (in *incoming) length(bits uint64) (uint64, error) {
	var b [8]byte
	switch bits {
	case length16:
		_, err := io.ReadFull(in.r, b[6:])
		n := binary.BigEndian.Uint64(b[:])
		if err == nil && n < length16 {
			err = broken("a length is not written as short as it can be")
		}
		return n, err
	case length64:
		_, err := io.ReadFull(in.r, b[:])
		n := binary.BigEndian.Uint64(b[:])
		if err == nil && (n <= 0xffff || n>>63 != 0) {
			err = broken("a length is not written as short as it can be, or negative")
		}
		return n, err
	}
	return bits, nil
}

func (in *incoming) controlFrame(h head) error {
	var mask [4]byte
	if _, err := io.ReadFull(in.r, mask[:]); err != nil {
		return err
	}
	payload := in.room[:h.size]
	if _, err := io.ReadFull(in.r, payload); err != nil {
		return err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	if h.op == opClose {
		if err := checkClose(payload); err != nil {
			return err
		}
	}
	return in.control(h.op, payload)
}

// data reads the payload of a frame into the message.
func (in *incoming) data(h head, m *partial) error {
	var mask [4]byte
	if _, err := io.ReadFull(in.r, mask[:]); err != nil {
		return err
	}
	if h.size == 0 && !h.final {
		return in.empty()
	}
	size := int(h.size) //nolint:gosec // it is readLimit at most
	for at := 0; at < size; {
		if _, err := in.r.Peek(1); err != nil {
			return err
		}
		part, err := in.r.Peek(min(in.r.Buffered(), size-at))
		if err != nil {
			return err
		}
		for i := range part {
			m.data = append(m.data, part[i]^mask[(at+i)%4])
		}
		at += len(part)
		_, _ = in.r.Discard(len(part)) // they are there
		if err := m.check(false); err != nil {
			return err
		}
	}
	if h.final {
		return m.check(true)
	}
	return nil
}

// partial is a message of which more is to come.
type partial struct {
	begun bool
	data  []byte
	valid int // how many bytes are known to be UTF-8
}

// check finds text that is not UTF-8 as soon as it can be known.
func (m *partial) check(whole bool) error {
	rest := m.data[m.valid:]
	if utf8.Valid(rest) {
		m.valid = len(m.data)
		return nil
	}
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size <= 1 {
			if whole || utf8.FullRune(rest) {
				return &violation{closeNotUTF8, "text must be UTF-8"}
			}
			break // its end may come
		}
		rest = rest[size:]
	}
	m.valid = len(m.data) - len(rest)
	return nil
}

// checkClose looks at the payload of a close frame.
func checkClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return broken("a close frame is cut")
	case !validCode(int(binary.BigEndian.Uint16(payload))):
		return broken("a close code that nobody may send")
	case !utf8.Valid(payload[2:]):
		return &violation{closeNotUTF8, "text must be UTF-8"}
	}
	return nil
}

// validCode reports whether a close code may stand in a frame: those that the
// registry has for it, and those that are free to use.
func validCode(code int) bool {
	const lowest, lastKnown, firstFree, highest = closeNormal, 1014, 3000, 4999
	reserved := []int{1004, 1005, 1006}
	return lowest <= code && code <= lastKnown && !slices.Contains(reserved, code) || firstFree <= code && code <= highest
}

// closePayload is what a close frame says.
func closePayload(code int, reason string) []byte {
	if code == closeNone {
		return nil
	}
	reason = reason[:min(len(reason), maxControl-2)]
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...) //nolint:gosec // codes are below 5000
}
