package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/server/internal/socket"
)

// wireCase is what a client sends, byte for byte, and what comes back beside the
// stream's own messages: "ping=P" and "pong=P" are control frames, "echo=T" a
// pong of the application with the timestamp T, "error=C" an error, and
// "close=C" a close frame with its code, after which there is nothing more.
// Where no close is expected, the socket still serves.
type wireCase struct {
	name string
	send [][]byte
	want string
}

// What RFC 6455, section 5.2 calls the bits of a frame.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	final              = 0x80
	opBits             = 0x0f
	maskBit            = 0x80
	length16, length64 = 126, 127 // mark a length of 2 or 8 bytes

	fText, fMore, fBinary      = final | opText, final | opContinuation, final | opBinary
	fClose, fPing, fPong       = final | opClose, final | opPing, final | opPong
	pText, pMore, pPing, pPong = opText, opContinuation, opPing, opPong
)

// fr is a frame of a client.
func fr(first byte, payload string) []byte { return long(first, payload, 0) }

// long is fr with a length of as many bytes as said; 0: as few as can be.
func long(first byte, payload string, bytesOfLength int) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case bytesOfLength == 8 || n > 0xffff:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|length64), uint64(n))
	case bytesOfLength == 2 || n >= length16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|length16), uint16(n))
	default:
		b = append(b, maskBit|byte(n))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// echo is the text of a message that comes back with the timestamp.
func echo(timestamp string) string { return `{"type":"ping","timestamp":"` + timestamp + `"}` }

func code(n uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, n)) + reason
}

// parts cuts a text into frames of n bytes.
func parts(text string, n int) [][]byte {
	var out [][]byte
	for i := 0; i < len(text); i += n {
		first := byte(pMore)
		if i == 0 {
			first = pText
		}
		if i+n >= len(text) {
			first |= final
		}
		out = append(out, fr(first, text[i:min(i+n, len(text))]))
	}
	return out
}

func padded(n int) string { t := echo("p"); return t + strings.Repeat(" ", n-len(t)) }

func wireCases() []wireCase {
	one := func(b ...[]byte) [][]byte { return b }
	cases := []wireCase{
		{"text", one(fr(fText, echo("a"))), "echo=a"},
		{"empty text", one(fr(fText, "")), "error=4004"},
		{"text of 125", one(fr(fText, padded(125))), "echo=p"},
		{"text of 126", one(fr(fText, padded(126))), "echo=p"},
		{"text of 127", one(fr(fText, padded(127))), "echo=p"},
		{"text of 128", one(fr(fText, padded(128))), "echo=p"},
		{"text of the buffer", one(fr(fText, padded(socket.FrameBuffer))), "echo=p"},
		{"text of the limit", one(fr(fText, padded(readLimit))), "echo=p"},
		{"two at once", one(fr(fText, echo("a")), fr(fText, echo("b"))), "echo=a echo=b"},
		{"text above the limit", one(fr(fText, padded(readLimit+1))), "close=1009"},
		{"a gigabyte announced", one([]byte{fText, maskBit | length64, 0, 0, 0, 0, 0x40, 0, 0, 0}), "close=1009"},
		{"the largest length announced", one([]byte{fText, maskBit | length64, 0x7f, 255, 255, 255, 255, 255, 255, 255}), "close=1009"},
		{"a negative length", one([]byte{fText, maskBit | length64, 0x80, 0, 0, 0, 0, 0, 0, 0}), "close=1002"},
		{"64 KiB announced", one([]byte{fText, maskBit | length16, 0xff, 0xff}), "close=1009"},
		{"above the limit in parts", append(parts(padded(readLimit), 4096)[:3], fr(pMore, strings.Repeat(" ", 4096)), fr(fMore, " ")), "close=1009"},
		{"2 bytes of length for 125", one(long(fText, padded(125), 2)), "close=1002"},
		{"8 bytes of length for 126", one(long(fText, padded(126), 8)), "close=1002"},
		{"binary", one(fr(fBinary, "x")), "close=1003"},
		{"empty binary", one(fr(fBinary, "")), "close=1003"},
		{"binary in parts", one(fr(opBinary, "x"), fr(fMore, "y")), "close=1003"},

		{"a ping within a message of the limit", one(fr(pText, padded(readLimit)), fr(fPing, strings.Repeat("p", 20)), fr(fMore, "")), "pong=" + strings.Repeat("p", 20) + " echo=p"},
		{"a long ping that is not masked", one([]byte{fPing, length16, 0x4e, 0x20, 0, 0, 0, 0}), "close=1002"},
		{"a ping of 20000", one([]byte{fPing, maskBit | length16, 0x4e, 0x20, 0, 0, 0, 0}), "close=1002"},
		{"20000 bytes of a reserved opcode", one([]byte{final | 0xb, maskBit | length16, 0x4e, 0x20, 0, 0, 0, 0}), "close=1002"},

		{"ping", one(fr(fPing, "")), "pong="},
		{"ping with payload", one(fr(fPing, "hello")), "pong=hello"},
		{"ping with bytes", one(fr(fPing, "\x00\xff\xfe\xfd")), "pong=\x00\xff\xfe\xfd"},
		{"ping of 125", one(fr(fPing, strings.Repeat("x", 125))), "pong=" + strings.Repeat("x", 125)},
		{"ping of 126", one(fr(fPing, strings.Repeat("x", 126))), "close=1002"},
		{"ping with 2 bytes of length", one(long(fPing, "x", 2)), "close=1002"},
		{"pong of nobody's ping", one(fr(fPong, "")), ""},
		{"pong with payload", one(fr(fPong, "hello")), ""},
		{"pong of 126", one(fr(fPong, strings.Repeat("x", 126))), "close=1002"},
		{"pong, then ping", one(fr(fPong, "a"), fr(fPing, "b")), "pong=b"},
		{"ten pings", bytesOf(10, fr(fPing, "p")), strings.TrimSpace(strings.Repeat("pong=p ", 10))},
		{"as many pings as may be", bytesOf(socket.MaxControls, fr(fPing, "")), strings.TrimSpace(strings.Repeat("pong= ", socket.MaxControls))},
		{"too many pings", bytesOf(socket.MaxControls+1, fr(fPing, "")), strings.Repeat("pong= ", socket.MaxControls) + "close=1008"},
		{"too many pongs", bytesOf(socket.MaxControls+1, fr(fPong, "")), "close=1008"},
		{"too many empty parts", append(one(fr(pText, "{")), bytesOf(socket.MaxControls+1, fr(pMore, ""))...), "close=1008"},

		{"reserved bit 1", one(fr(fText|0x40, echo("a"))), "close=1002"},
		{"reserved bit 2", one(fr(fText|0x20, echo("a"))), "close=1002"},
		{"reserved bit 3", one(fr(fText|0x10, echo("a"))), "close=1002"},
		{"all reserved bits", one(fr(fText|0x70, echo("a"))), "close=1002"},
		{"reserved bit in a ping", one(fr(fPing|0x40, "")), "close=1002"},
		{"reserved bit in a close", one(fr(fClose|0x20, code(1000, ""))), "close=1002"},
		{"reserved bit after a message", one(fr(fText, echo("a")), fr(fText|0x40, echo("b"))), "echo=a close=1002"},
		{"reserved bit in a later part", one(fr(pText, "{"), fr(fMore|0x40, "}")), "close=1002"},

		{"text in two", parts(echo("a"), 20), "echo=a"},
		{"text in bytes", parts(echo("abc"), 1), "echo=abc"},
		{"empty parts around", one(fr(pText, ""), fr(pMore, echo("a")), fr(fMore, "")), "echo=a"},
		{"only empty parts", one(fr(pText, ""), fr(pMore, ""), fr(fMore, "")), "error=4004"},
		{"ping between parts", one(fr(pText, echo("a")[:9]), fr(fPing, "p"), fr(fMore, echo("a")[9:])), "pong=p echo=a"},
		{"pings between many parts", one(
			fr(pText, echo("a")[:9]), fr(fPing, "1"), fr(pMore, echo("a")[9:12]), fr(fPing, "2"), fr(fMore, echo("a")[12:])), "pong=1 pong=2 echo=a"},
		{"close between parts", one(fr(pText, "{"), fr(fClose, code(1000, "")), fr(fMore, "}")), "close=1000"},
		{"continues nothing", one(fr(fMore, "x")), "close=1002"},
		{"continues nothing, more to come", one(fr(pMore, "x"), fr(fMore, "y")), "close=1002"},
		{"continues what is whole", one(fr(fText, echo("a")), fr(fMore, "x")), "echo=a close=1002"},
		{"text in text", one(fr(pText, "{"), fr(fText, echo("a"))), "close=1002"},
		{"binary in text", one(fr(pText, "{"), fr(fBinary, "a")), "close=1002"},
		{"part of a ping", one(fr(pPing, "x"), fr(fMore, "y")), "close=1002"},
		{"part of a pong", one(fr(pPong, "x")), "close=1002"},
		{"part of a close", one(fr(opClose, code(1000, ""))), "close=1002"},
		{"not masked", one([]byte{fText, 2, '{', '}'}), "close=1002"},
		{"ping not masked", one([]byte{fPing, 0}), "close=1002"},
		{"close not masked", one([]byte{fClose, 2, 0x03, 0xe8}), "close=1002"},

		{"close", one(fr(fClose, code(1000, ""))), "close=1000"},
		{"close without a code", one(fr(fClose, "")), "close="},
		{"close with half a code", one(fr(fClose, "\x03")), "close=1002"},
		{"close with a reason", one(fr(fClose, code(1000, "bye"))), "close=1000"},
		{"close with the longest reason", one(fr(fClose, code(1000, strings.Repeat("r", 123)))), "close=1000"},
		{"close with a reason too long", one(fr(fClose, code(1000, strings.Repeat("r", 124)))), "close=1002"},
		{"close with a reason not UTF-8", one(fr(fClose, code(1000, "\xce\xba\xed\xa0\x80"))), "close=1007"},
		{"close twice", one(fr(fClose, code(1000, "")), fr(fClose, code(1001, ""))), "close=1000"},
		{"text after close", one(fr(fClose, code(1000, "")), fr(fText, echo("a"))), "close=1000"},
		{"ping after close", one(fr(fClose, code(1000, "")), fr(fPing, "x")), "close=1000"},
	}
	for _, n := range []uint16{1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4001, 4999} {
		cases = append(cases, wireCase{fmt.Sprintf("close code %d", n), one(fr(fClose, code(n, ""))), fmt.Sprintf("close=%d", n)})
	}
	for _, n := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, wireCase{fmt.Sprintf("close code %d, which nobody may send", n), one(fr(fClose, code(n, ""))), "close=1002"})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		cases = append(
			cases,
			wireCase{fmt.Sprintf("opcode %d", op), one(fr(final|op, "x")), "close=1002"},
			wireCase{fmt.Sprintf("opcode %d between parts", op), one(fr(pText, "{"), fr(final|op, "")), "close=1002"},
		)
	}
	return append(cases, textCases()...)
}

// textCases are about UTF-8.
func textCases() []wireCase {
	var cases []wireCase
	for _, good := range []string{
		"κόσμε", "é", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\uffff", "\U00010000", "\U0010ffff", "\ufeff",
	} {
		cases = append(
			cases,
			wireCase{fmt.Sprintf("UTF-8 %+q", good), [][]byte{fr(fText, echo(good))}, "echo=" + good},
			wireCase{fmt.Sprintf("UTF-8 %+q cut in the midst of characters", good), parts(echo(good), 1), "echo=" + good},
		)
	}
	for _, bad := range []string{
		"\xff", "\xfe", "\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xce", "\xe1\x80", "\xf0\x90\x80",
	} {
		whole := echo("a" + bad)
		cases = append(
			cases,
			wireCase{fmt.Sprintf("not UTF-8 %+q", bad), [][]byte{fr(fText, whole)}, "close=1007"},
			wireCase{fmt.Sprintf("not UTF-8 %+q in parts", bad), parts(whole, 1), "close=1007"},
		)
	}
	return append(
		cases,
		wireCase{"not UTF-8, in the midst of a message that never ends", [][]byte{fr(pText, "{\""), fr(pMore, "\xce\xce")}, "close=1007"},
		wireCase{"not UTF-8, in the midst of a frame that never ends", [][]byte{fr(fText, "{\"\xed\xa0"+strings.Repeat("x", 100))[:20]}, "close=1007"},
		wireCase{"a character that never ends", [][]byte{fr(pText, "\"\xf0\x90"), fr(fMore, "")}, "close=1007"},
		wireCase{"a ping in the midst of a character", [][]byte{fr(pText, `{"type":"ping","timestamp":"`+"\xce"), fr(fPing, ""), fr(fMore, "\xba\"}")}, "pong= echo=κ"},
	)
}

func bytesOf(n int, b []byte) [][]byte {
	var all [][]byte
	for range n {
		all = append(all, b)
	}
	return all
}

// TestConformance_OfFrames sends each case at once, and byte by byte.
func TestConformance_OfFrames(t *testing.T) {
	t.Parallel()
	fx := start(t, Config{SocketsPerIdentity: -1, MessagesPerMinute: -1, HeartbeatInterval: time.Hour})
	cases := wireCases()
	t.Logf("%d cases, each in two ways", len(cases))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := bytes.Join(c.send, nil)
			if got := converse(t, fx, [][]byte{all}, c.want); got != c.want {
				t.Errorf("at once: got %q, want %q", got, c.want)
			}
			if len(all) > 2<<10 {
				return // long, and the same again
			}
			if got := converse(t, fx, singly(all), c.want); got != c.want {
				t.Errorf("byte by byte: got %q, want %q", got, c.want)
			}
		})
	}
}

// singly is each byte by itself.
func singly(all []byte) [][]byte {
	var each [][]byte
	for i := range all {
		each = append(each, all[i:i+1])
	}
	return each
}

// converse sends what is to be sent and returns what came back.
func converse(t *testing.T, fx *fixture, send [][]byte, want string) string {
	t.Helper()
	conn, r := fx.raw(t)
	defer func() { _ = conn.Close() }()
	closes := strings.Contains(want, "close=")
	if !closes {
		send = append(send, fr(fText, echo("last")))
	}
	for _, b := range send {
		if _, err := conn.Write(b); err != nil {
			break // it may have been closed meanwhile
		}
	}
	var got []string
	for {
		op, payload, err := readFrame(r)
		if err != nil {
			t.Fatalf("after %q: %v", strings.Join(got, " "), err)
		}
		said := spoken(t, op, payload)
		switch said {
		case "":
			continue
		case "echo=last":
			return strings.Join(got, " ")
		}
		got = append(got, said)
		if op == opClose {
			nothingMore(t, r)
			return strings.Join(got, " ")
		}
	}
}

// spoken is the frame in the words of a wireCase.
func spoken(t *testing.T, op byte, payload []byte) string {
	t.Helper()
	switch op {
	case opClose:
		if len(payload) == 0 {
			return "close="
		}
		return fmt.Sprintf("close=%d", binary.BigEndian.Uint16(payload))
	case opPing, opPong:
		return map[byte]string{opPing: "ping=", opPong: "pong="}[op] + string(payload)
	}
	switch m := parse(t, payload); m.Type {
	case "pong":
		return "echo=" + strings.Trim(string(m.Timestamp), `"`)
	case "error":
		return fmt.Sprintf("error=%d", m.Code)
	}
	return ""
}

// nothingMore reads to the end of the connection.
func nothingMore(t *testing.T, r io.Reader) {
	t.Helper()
	rest, err := io.ReadAll(r)
	var reset *net.OpError
	if len(rest) > 0 || err != nil && !errors.As(err, &reset) {
		t.Errorf("after the close frame: %x, %v", rest, err)
	}
}

// readFrame reads a frame of the server, which must not be masked nor in parts.
func readFrame(r io.Reader) (op byte, payload []byte, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return 0, nil, err
	}
	if b[0]&^opBits != final || b[1]&maskBit != 0 {
		return 0, nil, fmt.Errorf("a server sends no frame that begins with %x", b[:2])
	}
	op = b[0] & opBits
	n := uint64(b[1])
	switch n {
	case length16:
		_, err = io.ReadFull(r, b[6:])
		clear(b[:6])
		n = binary.BigEndian.Uint64(b[:])
	case length64:
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return op, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return op, payload, err
}
