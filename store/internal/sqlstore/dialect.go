package sqlstore

import (
	"fmt"
	"time"
)

// Dialect is what differs from one engine to the next.
type Dialect struct {
	// Time is a time as the engine stores it, to the microsecond.
	Time func(time.Time) any

	// Probe is a statement that writes durably and changes nothing.
	Probe string

	// Fault says what an error of the driver means.
	Fault func(error) Fault

	// Array makes one parameter of a column's values: an INSERT then takes an
	// array for each column, and is one round trip for as many rows as there
	// are. The values are string, integers, []byte, what Time makes, and nil.
	// nil: an INSERT takes its values one by one.
	Array func(kind Kind, values []any) (any, error)

	// Clear is a statement that empties a table.
	Clear func(table string) string

	// GoOn is a statement that lets the IDs of a table, which were given by
	// hand, go on behind the highest. nil: they do so by themselves.
	GoOn func(table string) string
}

// Kind is what a column holds.
type Kind int

// The kinds of columns.
const (
	Text Kind = iota
	Integer
	Moment // what Dialect.Time makes
	JSON   // as text
	State  // JSON that others query: JSONB where there is such a type
	Bytes
)

// Fault is what an error of a driver means to those who call the store. The
// zero Fault is an error that the store makes itself.
type Fault struct {
	// Reason says in words why the store does not answer; empty if it does.
	Reason string

	// Lasting is true if no later write can be trusted: what an fsync that
	// failed was to save may be lost though the next one succeeds, and a
	// damaged file goes on taking writes.
	Lasting bool
}

// instant is a time in UTC, scanned from text or from an engine's own type.
// NULL is the zero time.
type instant struct{ to *time.Time }

// Scan implements [database/sql.Scanner].
func (i instant) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*i.to = time.Time{}
	case time.Time:
		*i.to = src.UTC()
	case string:
		at, err := time.Parse(time.RFC3339Nano, src)
		if err != nil {
			return err
		}
		*i.to = at.UTC()
	default:
		return fmt.Errorf("a time stored as %T", src)
	}
	return nil
}

// text is NULL for the empty string.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// document is JSON as text, not as a blob, so that other programs can query
// it; NULL for nil.
func document(raw []byte) any {
	if raw == nil {
		return nil
	}
	return string(raw)
}
