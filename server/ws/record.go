package ws

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// record is one change: an event, an alert, or the state of a service. Its frame is made
// when somebody needs it first, by whoever that is, once for all.
type record struct {
	seq        uint64
	service    string
	layer      string
	layerKnown bool // false only of an event or alert that comes before its service's first state
	at         time.Time
	event      *fleet.Event
	alert      *fleet.Alert // without event and alert it is an update
	status     fleet.Status // of an update
	moved      bool         // of an update: its service may have been in another layer once

	once  sync.Once
	view  *fleet.View  // of an update, until it is encoded
	bytes socket.Frame // nil: it cannot be encoded
	tail  []byte       // its part of the frame after the place
	entry []byte       // of an update: its part of the frame that is in a snapshot too, without the first brace
	err   error
}

func newUpdate(seq uint64, at time.Time, v *fleet.View) *record {
	return &record{seq: seq, service: v.Service, layer: v.Layer, layerKnown: true, at: at, status: v.Status, view: v}
}

// frame is the record as it is sent, or nil with an error.
func (r *record) frame(epoch []byte) (socket.Frame, error) {
	r.once.Do(func() {
		switch {
		case r.event != nil:
			r.err = r.encode(epoch, "event", view.Event(r.event))
		case r.alert != nil:
			r.err = r.encode(epoch, "alert", view.Alert(r.alert, nil))
		default:
			r.err = r.encodeUpdate(epoch)
			r.view = nil
		}
	})
	return r.bytes, r.err
}

// frameIn is the frame for a client that may have an epoch of its own, and see
// some services only; nil: all.
func (r *record) frameIn(e *epoch, sees func(service string) bool) (socket.Frame, error) {
	if r.alert != nil && sees != nil && len(r.alert.Affects) > 0 { // which may name others
		own := record{seq: r.seq, at: r.at, alert: r.alert}
		err := own.encode(e.json, "alert", view.Alert(r.alert, sees))
		return own.bytes, err
	}
	f, err := r.frame(e.shared)
	if !e.own || err != nil {
		return f, err
	}
	b := place{r.kind(), r.at, e.json, r.seq}.append(socket.NewFrame(placeSize + len(r.tail)))
	return socket.Seal(append(b, r.tail...)), nil
}

// kind is the type of its message.
func (r *record) kind() string {
	switch {
	case r.event != nil:
		return wire.TypeServiceEvent
	case r.alert == nil:
		return wire.TypeServiceUpdate
	case r.alert.Firing():
		return wire.TypeAlertFiring
	}
	return wire.TypeAlertResolved
}

// encode makes the frame of what is kept, under its name.
func (r *record) encode(epoch []byte, name string, what any) error {
	doc, err := json.Marshal(what)
	if err != nil {
		return err
	}
	b := place{r.kind(), r.at, epoch, r.seq}.append(socket.NewFrame(placeSize + len(doc)))
	head := len(b)
	b = append(b, `,"`+name+`":`...)
	b = append(b, doc...)
	b = append(b, '}')
	r.bytes, r.tail = socket.Seal(b), b[head:]
	return nil
}

func (r *record) encodeUpdate(epoch []byte) error {
	e, err := view.Entry(r.view)
	if err != nil {
		return err
	}
	scratch, _ := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	doc := e.AppendJSON((*scratch)[:0])
	*scratch = doc
	var room [placeSize]byte
	at := place{wire.TypeServiceUpdate, r.at, epoch, r.seq}.append(room[:0])
	b := append(socket.NewFrame(len(at)+len(doc)), at...) // no longer than it must be: it stays
	head := len(b)
	b = append(b, ',')
	b = append(b, doc[1:]...)
	r.bytes, r.tail = socket.Seal(b), b[head:]
	r.entry = r.tail[1:]
	return nil
}

// scratches are where entries are written, before it is known how long they are.
var scratches = sync.Pool{New: func() any {
	const most = 4 << 10 // of nearly all
	b := make([]byte, 0, most)
	return &b
}}
