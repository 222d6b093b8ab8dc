package link

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/degenduel/switchgear/fleet"
)

// MaxPayload is how long a payload of Encode may be, in bytes: NOTIFY of
// PostgreSQL takes fewer than 8000.
const MaxPayload = 7999

// hintJSON is a hint in a payload. A field may be added: who does not know it
// passes it over.
type hintJSON struct {
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
	From    string `json:"from"`
	Service string `json:"service,omitempty"`
	Kind    string `json:"kind"`
}

// Encode writes hints that pass their Check into as few payloads, in their order,
// as they fit into: JSON arrays of up to MaxPayload bytes. The longest hint there
// can be, all of it escaped, fits into one.
func Encode(hints []fleet.Hint) ([]string, error) {
	var payloads []string
	payload := []byte{'['}
	for _, h := range hints {
		one, err := json.Marshal(hintJSON(h))
		if err != nil {
			return nil, fmt.Errorf("hint: %w", err)
		}
		switch {
		case len(one)+2 > MaxPayload:
			return nil, fmt.Errorf("hint: %d bytes are more than %d", len(one), MaxPayload-2)
		case len(payload) == 1:
		case len(payload)+len(one)+2 > MaxPayload:
			payloads = append(payloads, string(append(payload, ']')))
			payload = append(payload[:0], '[')
		default:
			payload = append(payload, ',')
		}
		payload = append(payload, one...)
	}
	if len(payload) > 1 {
		payloads = append(payloads, string(append(payload, ']')))
	}
	return payloads, nil
}

// Decode reads what Encode has written, of this version or a later one.
func Decode(payload []byte) ([]fleet.Hint, error) {
	var read []hintJSON
	if err := json.Unmarshal(payload, &read); err != nil {
		return nil, fmt.Errorf("hint: %w", err)
	}
	if len(read) == 0 {
		return nil, errors.New("hint: a message without any")
	}
	hints := make([]fleet.Hint, len(read))
	for i, h := range read {
		hints[i] = fleet.Hint(h)
		if err := hints[i].Check(); err != nil {
			return nil, err
		}
	}
	return hints, nil
}
