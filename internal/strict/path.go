package strict

import (
	"strconv"
	"strings"
)

// segment is one step of a path: a key, or an index where key is empty and
// list is true.
type segment struct {
	key   string
	index int
	list  bool
}

// report notes what is wrong with the value at the present path.
func (d *decoder) report(message string) { d.reportAt("", message) }

// reportAt does the same for a field below it.
func (d *decoder) reportAt(field, message string) {
	switch {
	case len(d.bad) > MaxFields:
	case len(d.bad) == MaxFields:
		d.bad = append(d.bad, FieldError{Message: "and more: only the first " +
			strconv.Itoa(MaxFields) + " are listed"})
	default:
		d.bad = append(d.bad, FieldError{Field: d.join(field), Message: message})
	}
}

// join is the path of field, which stands below the present value.
func (d *decoder) join(field string) string {
	var b strings.Builder
	b.WriteString(d.opts.Path)
	step := func(key string) {
		if b.Len() > 0 && key != "" && key[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(key)
	}
	for _, s := range d.path {
		if s.list {
			step("[" + strconv.Itoa(s.index) + "]")
		} else {
			step(shorten(s.key))
		}
	}
	step(field)
	return b.String()
}

// shorten keeps a key that someone made up from filling the answer.
func shorten(key string) string {
	const longest = 128
	switch {
	case key == "":
		return `""`
	case len(key) <= longest:
		return key
	}
	return strings.ToValidUTF8(key[:longest], "") + "…"
}
