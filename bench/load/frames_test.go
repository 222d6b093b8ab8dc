package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// text is a text frame, as a server sends it.
func text(payload string) []byte {
	b := []byte{0x81}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

func TestFrames_AreTheSameInWhateverPiecesTheyCome(t *testing.T) {
	t.Parallel()
	payloads := []string{"", "a", strings.Repeat("b", 125), strings.Repeat("c", 126), strings.Repeat("d", 300), strings.Repeat("e", 70_000)}
	var stream []byte
	var want []string
	for _, p := range payloads {
		stream = append(stream, text(p)...)
		want = append(want, p[:min(len(p), headSize)])
	}
	for _, size := range []int{1, 2, 3, 7, 128, 4096, len(stream)} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			f := frames{record: true}
			var got []string
			var whole []byte
			for piece := range slices.Chunk(stream, size) {
				if err := f.feed(piece, func(_ byte, head []byte) error {
					got, whole = append(got, string(head)), append(whole, f.whole...)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d frames, want %d, or their heads differ", len(got), len(want))
			}
			if !bytes.Equal(whole, stream) {
				t.Error("the recorded frames are not what came")
			}
		})
	}
}

func TestFrames_AreRefusedWhereNoServerOfOursSendsThem(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{"fragmented": {0x01, 0}, "masked": {0x81, 0x80}} {
		var f frames
		if err := f.feed(b, func(byte, []byte) error { return nil }); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestHead_SaysWhatAMessageIs(t *testing.T) {
	t.Parallel()
	head := []byte(`{"type":"services:state","timestamp":"2026-11-23T08:00:00.000Z","epoch":"ABC","seq":42,"page":2,"pages":13,"services":[{"service`)
	if kind(head) != "services:state" || word(head, "epoch") != "ABC" || number(head, "seq") != 42 || number(head, "page") != 2 || number(head, "pages") != 13 {
		t.Errorf("%q %q %d %d %d", kind(head), word(head, "epoch"), number(head, "seq"), number(head, "page"), number(head, "pages"))
	}
	if k, n := kind([]byte("x")), number(head, "none"); k != "" || n != 0 {
		t.Errorf("what is not there is %q and %d", k, n)
	}
}
