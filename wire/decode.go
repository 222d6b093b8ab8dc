package wire

import (
	"errors"
	"fmt"
	"slices"

	"github.com/degenduel/switchgear/internal/strict"
)

// clientTypes are the types of a client's messages.
var clientTypes = []string{TypePing, TypeSubscribe, TypeHealthCheck, TypeReset, TypeInstances}

// DecodeClientMessage reads one message of a client, strictly, but for fields
// that it does not know: those it ignores. A message of an unknown type is an
// error. Beside an error the message has its Type and RequestID, if they could
// be read at all, and nothing else.
func DecodeClientMessage(data []byte) (ClientMessage, error) {
	var m ClientMessage
	err := strict.Decode(data, &m, strict.Options{IgnoreUnknown: true, AnyNumber: true})
	if _, ok := errors.AsType[*strict.SyntaxError](err); ok {
		return ClientMessage{}, err
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return ClientMessage{Type: m.Type, RequestID: m.RequestID}, err
	}
	if string(m.Timestamp) == "null" {
		m.Timestamp = nil
	}
	return m, nil
}

// check finds what the types of the fields do not say.
func (m *ClientMessage) check() error {
	if m.Type == "" {
		return errors.New("type: is required")
	}
	if !slices.Contains(clientTypes, m.Type) {
		const longest = 64
		return fmt.Errorf("type: %.*q is not a message that is understood here", longest, m.Type)
	}
	if len(m.Timestamp) > 0 {
		switch c := m.Timestamp[0]; {
		case c == '"', c == '-', '0' <= c && c <= '9', string(m.Timestamp) == "null":
		default:
			return errors.New("timestamp: must be a string or a number")
		}
	}
	if m.Service == "" && (m.Type == TypeHealthCheck || m.Type == TypeReset || m.Type == TypeInstances) {
		return errors.New("service: is required")
	}
	return nil
}
