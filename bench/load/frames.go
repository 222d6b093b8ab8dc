package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
)

// headSize is how much of a frame's payload is looked at: all that stands
// before the services and the entry of a message.
const headSize = 192

const (
	opText  = 1
	opClose = 8
	opPing  = 9
)

// frames takes a stream of WebSocket frames apart, in whatever pieces it comes,
// and keeps no more of a frame than its head.
type frames struct {
	header [10]byte
	have   int // bytes of the header
	size   int // of the payload
	taken  int // bytes of the payload
	head   []byte

	record bool   // keep whole frames
	whole  []byte // the frame so far
}

var errFrame = errors.New("a frame is fragmented or masked, which a server of ours does not do")

// feed calls got for each frame that ends in b. What got is handed is gone after
// it.
func (f *frames) feed(b []byte, got func(op byte, head []byte) error) error {
	for len(b) > 0 {
		if need := f.headerSize(); f.have < need {
			n := copy(f.header[f.have:need], b)
			f.keep(b[:n])
			b, f.have = b[n:], f.have+n
			if f.have < f.headerSize() {
				continue
			}
			if err := f.begin(); err != nil {
				return err
			}
		}
		n := min(len(b), f.size-f.taken)
		if room := headSize - len(f.head); room > 0 {
			f.head = append(f.head, b[:min(n, room)]...)
		}
		f.keep(b[:n])
		b, f.taken = b[n:], f.taken+n
		if f.taken == f.size {
			if err := got(f.header[0]&0xf, f.head); err != nil {
				return err
			}
			f.have, f.taken, f.head, f.whole = 0, 0, f.head[:0], f.whole[:0]
		}
	}
	return nil
}

func (f *frames) keep(b []byte) {
	if f.record {
		f.whole = append(f.whole, b...)
	}
}

// headerSize is as much as is known of it.
func (f *frames) headerSize() int {
	if f.have < 2 {
		return 2
	}
	switch f.header[1] & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

func (f *frames) begin() error {
	if f.header[0]&0x80 == 0 || f.header[1]&0x80 != 0 {
		return errFrame
	}
	switch f.headerSize() {
	case 4:
		f.size = int(binary.BigEndian.Uint16(f.header[2:]))
	case 10:
		f.size = int(binary.BigEndian.Uint64(f.header[2:])) //nolint:gosec // no server of ours sends 8 EiB
	default:
		f.size = int(f.header[1])
	}
	return nil
}

// pong is the answer to a ping, masked with zeros.
func pong(payload []byte) []byte {
	return append([]byte{0x8a, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...) //nolint:gosec // a control frame has 125 bytes at most
}

// kind is the type of the message that begins so.
func kind(head []byte) string {
	rest, ok := bytes.CutPrefix(head, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	end := bytes.IndexByte(rest, '"')
	return string(rest[:max(end, 0)])
}

// number is that of the field in the head, 0 without it.
func number(head []byte, field string) uint64 {
	_, rest, _ := bytes.Cut(head, []byte(`"`+field+`":`))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseUint(string(rest[:end]), 10, 64)
	return n
}

// word is the text of the field in the head.
func word(head []byte, field string) string {
	_, rest, _ := bytes.Cut(head, []byte(`"`+field+`":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}
