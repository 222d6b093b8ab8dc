package socket

import (
	"bytes"
	"encoding/json"

	gobwas "github.com/gobwas/ws"
)

// Frame is a whole text frame as it goes over the connection, header and all.
// It is built once, shared by all who are sent it, and never changed.
type Frame []byte

// headerRoom is the longest header of a frame that is not masked.
const headerRoom = 10

// NewFrame is the beginning of a frame whose payload is to be appended.
func NewFrame(size int) []byte { return make([]byte, headerRoom, headerRoom+size) }

// Seal puts the header before what was appended to NewFrame.
func Seal(b []byte) Frame {
	var head bytes.Buffer
	_ = gobwas.WriteHeader(&head, gobwas.Header{ // to memory, and of no length that cannot be
		Fin: true, OpCode: gobwas.OpText, Length: int64(len(b) - headerRoom),
	})
	start := headerRoom - head.Len()
	copy(b[start:], head.Bytes())
	return b[start:]
}

// Message is a frame of v's JSON.
func Message(v any) (Frame, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return Seal(append(NewFrame(len(doc)), doc...)), nil
}
