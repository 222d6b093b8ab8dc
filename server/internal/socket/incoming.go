package socket

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	gobwas "github.com/gobwas/ws"
)

// The codes that a socket is closed with.
const (
	CloseNone        = 0 // nothing is said
	CloseNormal      = int(gobwas.StatusNormalClosure)
	CloseGoingAway   = int(gobwas.StatusGoingAway)
	CloseProtocol    = int(gobwas.StatusProtocolError)
	CloseUnsupported = int(gobwas.StatusUnsupportedData)
	CloseNotUTF8     = int(gobwas.StatusInvalidFramePayloadData)
	ClosePolicy      = int(gobwas.StatusPolicyViolation)
	CloseTooBig      = int(gobwas.StatusMessageTooBig)
	CloseInternal    = int(gobwas.StatusInternalServerError)
	CloseTryLater    = 1013 // in the registry, and not in RFC 6455
)

// maxPayload is the longest payload of a control frame.
const maxPayload = gobwas.MaxControlFramePayloadSize

// violationError is what a client may not do: it is closed with the code.
// Nothing after it can be read.
type violationError struct {
	code   int
	reason string
}

// Error is the reason, as the client is told it.
func (v *violationError) Error() string { return v.reason }

func broken(reason string) error { return &violationError{CloseProtocol, reason} }

// incoming reads the messages of a client. It looks at each byte once, as it
// comes, and keeps no more of a message than has come.
type incoming struct {
	r     *bufio.Reader
	limit int // the largest message, in bytes

	// control is given each control frame; its error ends the reading. The
	// payload is only lent.
	control func(op gobwas.OpCode, payload []byte) error

	// empty is told of each frame that brings a message no further.
	empty func() error

	// timeout is how long a message may take, and overdue what happens then.
	timeout time.Duration
	overdue func()

	head [gobwas.MaxHeaderSize]byte // room for one
	room [maxPayload]byte           // and for the payload of a control frame
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
		h, err := in.header(m.begun, len(m.data))
		if err != nil {
			return nil, err
		}
		if h.OpCode.IsControl() {
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
		if err := in.data(h, &m); err != nil || h.Fin {
			return m.data, err
		}
	}
}

// header reads the beginning of a frame, and refuses what cannot follow a message
// of which so much has come. What is too long is refused before its mask has come.
func (in *incoming) header(begun bool, had int) (h gobwas.Header, err error) {
	op, size, err := in.announced()
	if err != nil {
		return h, err
	}
	if op.IsData() && size > uint64(in.limit-had) { //nolint:gosec // had is the limit at most
		return h, &violationError{CloseTooBig, "a message is at most " + strconv.Itoa(in.limit>>10) + " KiB"}
	}
	state := gobwas.StateServerSide
	if begun {
		state = state.Set(gobwas.StateFragmented)
	}
	if h, err = gobwas.ReadHeaderBuffer(in.r, in.head[:0]); err != nil {
		return h, err
	}
	if err := gobwas.CheckHeader(h, state); err != nil {
		return h, broken(err.Error())
	}
	if h.OpCode == gobwas.OpBinary {
		return h, &violationError{CloseUnsupported, "messages are text"}
	}
	return h, nil
}

// announced is the kind and the length of the frame that begins. It reads nothing.
func (in *incoming) announced() (op gobwas.OpCode, size uint64, err error) {
	b, err := in.r.Peek(2)
	if err != nil {
		return 0, 0, err
	}
	op, size = gobwas.OpCode(b[0]&0x0f), uint64(b[1]&0x7f)
	switch size {
	case 126:
		if b, err = in.r.Peek(4); err == nil {
			size = uint64(binary.BigEndian.Uint16(b[2:]))
		}
		if err == nil && size < 126 {
			err = errNotShortest
		}
	case 127:
		if b, err = in.r.Peek(10); err == nil {
			size = binary.BigEndian.Uint64(b[2:])
		}
		if err == nil && (size <= 0xffff || size>>63 != 0) {
			err = errNotShortest
		}
	}
	return op, size, err
}

var errNotShortest = broken("a length is not written as short as it can be, or negative")

func (in *incoming) controlFrame(h gobwas.Header) error {
	payload := in.room[:h.Length]
	if _, err := io.ReadFull(in.r, payload); err != nil {
		return err
	}
	gobwas.Cipher(payload, h.Mask, 0)
	if h.OpCode == gobwas.OpClose {
		if err := checkClose(payload); err != nil {
			return err
		}
	}
	return in.control(h.OpCode, payload)
}

// data reads the payload of a frame into the message.
func (in *incoming) data(h gobwas.Header, m *partial) error {
	if h.Length == 0 && !h.Fin {
		return in.empty()
	}
	size := int(h.Length)
	for at := 0; at < size; {
		if _, err := in.r.Peek(1); err != nil {
			return err
		}
		part, err := in.r.Peek(min(in.r.Buffered(), size-at))
		if err != nil {
			return err
		}
		had := len(m.data)
		m.data = append(m.data, part...)
		gobwas.Cipher(m.data[had:], h.Mask, at)
		at += len(part)
		_, _ = in.r.Discard(len(part)) // they are there
		if err := m.check(false); err != nil {
			return err
		}
	}
	if h.Fin {
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
				return &violationError{CloseNotUTF8, "text must be UTF-8"}
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
		return &violationError{CloseNotUTF8, "text must be UTF-8"}
	}
	return nil
}

// validCode reports whether a close code may stand in a frame: those that the
// registry has for it, and those that are free to use.
func validCode(code int) bool {
	const lowest, lastKnown, firstFree, highest = CloseNormal, 1014, 3000, 4999
	reserved := []int{1004, 1005, 1006}
	return lowest <= code && code <= lastKnown && !slices.Contains(reserved, code) || firstFree <= code && code <= highest
}

// closePayload is what a close frame says.
func closePayload(code int, reason string) []byte {
	if code == CloseNone {
		return nil
	}
	reason = reason[:min(len(reason), maxPayload-2)]
	return gobwas.NewCloseFrameBody(gobwas.StatusCode(code), reason) //nolint:gosec // codes are below 5000
}
