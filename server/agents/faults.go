package agents

import (
	"fmt"
	"math"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// faults are the bad fields of a message, found by its values.
type faults struct {
	now  time.Time
	list []switchgear.FieldError
}

func (f *faults) add(field, format string, args ...any) {
	f.list = append(f.list, switchgear.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// since is the faults after the first n.
func (f *faults) since(n int) error {
	if len(f.list) <= n {
		return nil
	}
	bad := f.list[n:]
	return &fleet.Error{
		Kind: fleet.Invalid, Op: "agent", Err: fmt.Errorf("%s: %s", bad[0].Field, bad[0].Message), Fields: bad,
	}
}

// name is a service's.
func (f *faults) name(field, name string) {
	if !switchgear.ValidName(name) {
		f.add(field, "%.130q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", name)
	}
}

// longestMs is the longest time that is believed: more than any breaker can be
// open, and than any sum of durations that fits.
const longestMs = 9e12

// ms is a time in milliseconds.
func (f *faults) ms(field string, v float64) time.Duration {
	if !(v >= 0 && v <= longestMs) { // which NaN is not
		f.add(field, "must be in 0 … %.0f", float64(longestMs))
		return 0
	}
	return time.Duration(math.Round(v * float64(time.Millisecond)))
}

func (f *faults) count(field string, n int) int {
	if n < 0 {
		f.add(field, "must not be negative")
		return 0
	}
	return n
}

// lastYear is the first that no clock shows.
const lastYear = 2200

// at is a moment of an agent's clock, which may be wrong.
func (f *faults) at(field string, t wire.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	if y := t.UTC().Year(); y < 1970 || y >= lastYear {
		f.add(field, "must be in the years 1970 … %d", lastYear-1)
		return time.Time{}
	}
	return t.UTC()
}

// past is a moment that has been: what the agent's clock has in the future is now.
func (f *faults) past(field string, t wire.Time) time.Time {
	at := f.at(field, t)
	if at.After(f.now) {
		return f.now
	}
	return at
}

// word is a text that Go's types read, such as a state.
func (f *faults) word(field, text string, into interface{ UnmarshalText([]byte) error }) {
	if err := into.UnmarshalText([]byte(text)); err != nil {
		f.add(field, "%.64q is none", text)
	}
}
