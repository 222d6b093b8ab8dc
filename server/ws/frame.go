package ws

import (
	"strconv"
	"time"

	"github.com/degenduel/switchgear/wire"
)

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
