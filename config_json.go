package switchgear

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MarshalJSON writes c as the wire has it: every field, with the defaults and
// the derived values put in. Classify, Hooks and Version are not on the wire.
func (c Config) MarshalJSON() ([]byte, error) {
	const enough = 512
	r := c.Resolved()
	b := append(make([]byte, 0, enough), '{')
	for i, f := range wireFields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, f.name...) // which needs no escaping
		b = append(b, `":`...)
		var err error
		if b, err = appendJSON(b, f.get(&r)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return append(b, '}'), nil
}

// appendJSON is what json.Marshal makes of v, at less cost for what most values
// are: true, false and whole numbers.
func appendJSON(b []byte, v any) ([]byte, error) {
	const exact = 1 << 53
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < exact && (v != 0 || !math.Signbit(v)) {
			return strconv.AppendInt(b, int64(v), 10), nil
		}
	}
	doc, err := json.Marshal(v)
	return append(b, doc...), err
}

// UnmarshalJSON puts the fields that data has into c and leaves the others as
// they are; null sets a field back to its default. A value of probeTimeoutMs or
// maxResetTimeoutMs that is what would be derived anyway stays derived. The
// result is validated: the error is a *ConfigError with every bad field, those
// that no config has among them, and c is then unchanged.
func (c *Config) UnmarshalJSON(data []byte) error {
	if string(data) == "null" { // which leaves a value as it is, wherever JSON is read
		return nil
	}
	return c.read(data, Config{ProbeTimeout: -1, MaxResetTimeout: -1})
}

// Merge is c with the fields that data has, read as UnmarshalJSON does: the
// config after a merge patch (RFC 7396). A derived value that comes back as c
// shows it stays derived even where the field that it follows has changed.
func (c Config) Merge(data []byte) (Config, error) {
	next := c
	if err := next.read(data, c); err != nil {
		return c, err
	}
	return next, nil
}

// Replace is the config that data has, with the default of every field that it
// has not. A derived value that comes back as c shows it stays derived, as with
// Merge. Classify, Hooks and Version are c's.
func (c Config) Replace(data []byte) (Config, error) {
	next := Config{Classify: c.Classify, Hooks: c.Hooks, Version: c.Version}
	if err := next.read(data, c); err != nil {
		return c, err
	}
	return next, nil
}

var errNoObject = errors.New("switchgear: a config is a JSON object")

// read is UnmarshalJSON, where before is the config that its writer has seen.
func (c *Config) read(data []byte, before Config) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			return errNoObject
		}
		return err
	}
	if doc == nil { // of null
		return errNoObject
	}
	next := *c
	problems := make([]string, len(wireFields))
	for i, f := range wireFields {
		switch raw, ok := doc[f.name]; {
		case !ok:
		case string(raw) == "null":
			f.clear(&next)
		default:
			problems[i] = f.set(&next, raw)
			if f.derived != nil {
				next.keepDerived(before, f.derived)
			}
		}
		delete(doc, f.name)
	}
	var e ConfigError
	for i, f := range wireFields {
		if problems[i] == "" {
			problems[i] = f.check(&next)
		}
		e.addProblem(f.name, problems[i])
	}
	e.addUnknown(doc)
	if err := e.orNil(); err != nil {
		return err
	}
	*c = next
	return nil
}

// keepDerived turns a value that was only said again back into one that
// follows the fields it is derived from.
func (c *Config) keepDerived(before Config, at func(*Config) *time.Duration) {
	own := *c
	*at(&own) = 0
	own, seen := own.Resolved(), before.Resolved()
	if v := *at(c); v == *at(&own) || *at(&before) == 0 && v == *at(&seen) {
		*at(c) = 0
	}
}

// addUnknown names the keys that no config has.
func (e *ConfigError) addUnknown(doc map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		alike := func(f wireField) bool { return plain(f.name) == plain(name) }
		if i := slices.IndexFunc(wireFields, alike); i >= 0 {
			e.add(shown(name), "no such field; did you mean %s?", wireFields[i].name)
		} else {
			e.add(shown(name), "no such field")
		}
	}
}

// plain is a field's name without what people get wrong: the case, the
// underscores and the unit.
func plain(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(shown(name)))
	return strings.TrimSuffix(name, "ms")
}
