package ws

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	gobwas "github.com/gobwas/ws"

	"github.com/degenduel/switchgear/wire"
)

// frame is a whole text frame as it goes over the connection, header and all.
// It is built once, shared by all who are sent it, and never changed.
type frame []byte

// headerRoom is the longest header of a frame that is not masked.
const headerRoom = 10

// newFrame is the beginning of a frame whose payload is to be appended.
func newFrame(size int) []byte { return make([]byte, headerRoom, headerRoom+size) }

// seal puts the header before what was appended to newFrame.
func seal(b []byte) frame {
	var head bytes.Buffer
	_ = gobwas.WriteHeader(&head, gobwas.Header{ // to memory, and of no length that cannot be
		Fin: true, OpCode: gobwas.OpText, Length: int64(len(b) - headerRoom),
	})
	start := headerRoom - head.Len()
	copy(b[start:], head.Bytes())
	return b[start:]
}

// message is a frame of v's JSON.
func message(v any) (frame, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return seal(append(newFrame(len(doc)), doc...)), nil
}

// place is the part that all messages with an epoch and a seq begin with; the
// object is left open.
type place struct {
	kind  string
	at    time.Time
	epoch []byte // JSON
	seq   uint64
}

// size is enough for any place.
const placeSize = 256

func (p place) append(b []byte) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, p.kind...)
	b = append(b, `","timestamp":"`...)
	b = p.at.UTC().AppendFormat(b, wire.TimeLayout)
	b = append(b, `","epoch":`...)
	b = append(b, p.epoch...)
	b = append(b, `,"seq":`...)
	return strconv.AppendUint(b, p.seq, 10)
}
