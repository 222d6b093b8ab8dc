package ws

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// frame is a whole text frame as it goes over the connection, header and all.
// It is built once, shared by all who are sent it, and never changed.
type frame []byte

const (
	// headerRoom is the longest header of a frame that is not masked.
	headerRoom = 10

	finalText = finalBit | opText
)

// newFrame is the beginning of a frame whose payload is to be appended.
func newFrame(size int) []byte { return make([]byte, headerRoom, headerRoom+size) }

// seal puts the header before what was appended to newFrame.
func seal(b []byte) frame {
	start := headerRoom
	switch n := len(b) - headerRoom; {
	case 0 <= n && n < length16:
		start -= 2
		b[start+1] = byte(n)
	case n <= 0xffff:
		start -= 4
		b[start+1] = length16
		binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	default:
		start -= headerRoom
		b[start+1] = length64
		binary.BigEndian.PutUint64(b[start+2:], uint64(n))
	}
	b[start] = finalText
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
