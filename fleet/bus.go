package fleet

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Hint says that something has changed, which the truth, the store, has. Hints
// can be lost, doubled and late, and whoever gets one looks into the store.
type Hint struct {
	// Epoch and Seq are the place in the stream up to which to look.
	Epoch string
	Seq   uint64

	// From is the node that tells.
	From string

	// Service is what changed; empty where that is not one service.
	Service string

	// Kind is what sort of change it was. Who does not know it looks all the
	// same.
	Kind string
}

// MaxHintText is how long a text of a Hint may be, in bytes.
const MaxHintText = 256

// Check returns an Invalid error that names a text which no bus carries: one
// that is longer than MaxHintText, is not UTF-8 or has a NUL.
func (h Hint) Check() error {
	for _, f := range []struct{ name, text string }{
		{"epoch", h.Epoch}, {"from", h.From}, {"service", h.Service}, {"kind", h.Kind},
	} {
		if len(f.text) > MaxHintText || !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) {
			return errorf(Invalid, "hint", "%s must be UTF-8 without NUL, of up to %d bytes", f.name, MaxHintText)
		}
	}
	return nil
}

// Bus carries hints between the nodes of one manager. It is open from its
// making to Close, whether its server is there or not, and looks for the server
// for ever. It is safe for concurrent use.
type Bus interface {
	// Publish tells h to all subscriptions on the bus, of this node too. It
	// never waits: hints queue up while the server is away or slow, and where
	// they are too many the oldest go and are counted, so that of each
	// publisher the newest arrives once the server is back. Without such a loss
	// and while the connections last each arrives once, and those of one
	// publisher in their order. The error is Invalid for a hint that
	// fails its Check, and Unavailable after Close.
	Publish(h Hint) error

	// Subscribe calls got with every hint that comes, and gap whenever hints
	// may have been missed: as soon as the subscription is connected, before
	// any hint; after each connection that follows; and after hints were
	// dropped because got was slow, of which the newest are kept. What was
	// published before a gap is called need not come; what is published after
	// it comes, or another gap does. So whoever looks into the store at each gap
	// and each hint knows all.
	//
	// One of the two is called at a time, one subscription is not held up by
	// another, and none holds up Publish. stop ends the subscription and waits
	// until none of its calls runs; neither of them may call it, or Close. The
	// error is Unavailable after Close.
	Subscribe(got func(Hint), gap func()) (stop func(), err error)

	// State is how the bus is. It never waits.
	State() BusState

	// Close tells what was published, if the bus is connected, for up to a
	// second, and ends all subscriptions as their stop does. A second Close
	// does nothing.
	Close() error
}

// BusState is how a Bus is. What it counts is since it was made.
type BusState struct {
	// Connected is that hints can come and go, since Since; else it is since
	// then that they cannot.
	Connected bool
	Since     time.Time

	// LastError is why it is not connected, or why it was not the last time;
	// empty where it always was. No secret is in it.
	LastError string

	Published  uint64 // hints that the server has taken, or that were told
	Received   uint64 // hints that came, once for all subscriptions
	Dropped    uint64 // hints that Publish had no room for
	Missed     uint64 // hints that subscriptions were too slow for
	Refused    uint64 // messages that came and were none of a bus
	Reconnects uint64 // connections after the first
}
