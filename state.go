package switchgear

import "fmt"

// State is where a breaker's state machine stands.
type State uint8

// The states of a breaker.
const (
	Closed   State = iota // operations run, failures are counted
	Open                  // operations are rejected
	HalfOpen              // a recovery is being tried
)

var stateNames = [...]string{"closed", "open", "half_open"}

// String is the state's name on the wire: closed, open or half_open.
func (s State) String() string { return nameOf(stateNames[:], uint8(s), "State") }

// MarshalText is String as bytes; a value that is no State is an error.
func (s State) MarshalText() ([]byte, error) { return textOf(stateNames[:], uint8(s), "state") }

// UnmarshalText reads what MarshalText writes.
func (s *State) UnmarshalText(text []byte) error {
	i, err := indexOf(stateNames[:], string(text), "state")
	*s = State(i)
	return err
}

// Mode is what stands above the state: nothing, an administrator's override,
// or a config that disables the breaker.
type Mode uint8

// The modes of a breaker.
const (
	Auto         Mode = iota // the state decides
	ForcedOpen               // an override rejects everything
	ForcedClosed             // an override admits everything
	Disabled                 // Config.Disabled: everything is admitted and counted
)

var modeNames = [...]string{"auto", "forced_open", "forced_closed", "disabled"}

// String is the mode's name on the wire: auto, forced_open, forced_closed or
// disabled.
func (m Mode) String() string { return nameOf(modeNames[:], uint8(m), "Mode") }

// MarshalText is String as bytes; a value that is no Mode is an error.
func (m Mode) MarshalText() ([]byte, error) { return textOf(modeNames[:], uint8(m), "mode") }

// UnmarshalText reads what MarshalText writes.
func (m *Mode) UnmarshalText(text []byte) error {
	i, err := indexOf(modeNames[:], string(text), "mode")
	*m = Mode(i)
	return err
}

// Outcome is how an operation ended.
type Outcome uint8

// The outcomes of an operation.
const (
	Success Outcome = iota
	Failure
	Ignored // frees the permit and moves nothing
)

var outcomeNames = [...]string{"success", "failure", "ignored"}

// String is the outcome's name on the wire: success, failure or ignored.
func (o Outcome) String() string { return nameOf(outcomeNames[:], uint8(o), "Outcome") }

// MarshalText is String as bytes; a value that is no Outcome is an error.
func (o Outcome) MarshalText() ([]byte, error) { return textOf(outcomeNames[:], uint8(o), "outcome") }

// UnmarshalText reads what MarshalText writes.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := indexOf(outcomeNames[:], string(text), "outcome")
	*o = Outcome(i)
	return err
}

func nameOf(names []string, i uint8, typ string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", typ, i)
}

func textOf(names []string, i uint8, what string) ([]byte, error) {
	if int(i) < len(names) {
		return []byte(names[i]), nil
	}
	return nil, fmt.Errorf("switchgear: %d is no %s", i, what)
}

func indexOf(names []string, text, what string) (uint8, error) {
	for i, name := range names {
		if name == text {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("switchgear: %q is no %s", text, what)
}
