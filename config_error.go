package switchgear

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FieldError is one bad field: its name on the wire and what is wrong with it,
// with its value and its range.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// ConfigError is a config that was refused, with every bad field of it.
type ConfigError struct {
	fields []FieldError
}

// Error lists the bad fields.
func (e *ConfigError) Error() string {
	list := make([]string, 0, len(e.fields))
	for _, f := range e.fields {
		list = append(list, f.Field+": "+f.Message)
	}
	return "switchgear: bad config: " + strings.Join(list, "; ")
}

// Fields are the bad fields, in the order in which Config has them.
func (e *ConfigError) Fields() []FieldError { return slices.Clone(e.fields) }

// EachField calls f with every bad field.
func (e *ConfigError) EachField(f func(field, message string)) {
	for _, b := range e.fields {
		f(b.Field, b.Message)
	}
}

func (e *ConfigError) add(field, format string, args ...any) {
	e.fields = append(e.fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// addProblem adds what is wrong with the field, if anything is.
func (e *ConfigError) addProblem(field, problem string) {
	if problem != "" {
		e.fields = append(e.fields, FieldError{field, problem})
	}
}

func (e *ConfigError) orNil() error {
	if len(e.fields) == 0 {
		return nil
	}
	return e
}

// outside says that a value is not in its range, or nothing where it is. A NaN
// is in no range.
func outside(v, low, high float64) string {
	if v >= low && v <= high {
		return ""
	}
	return number(v) + " is not in " + span(low, high)
}

func span(low, high float64) string { return number(low) + " … " + number(high) }

// number writes a value as a person would: no exponent for what fits a line.
func number(v float64) string {
	if size := math.Abs(v); v == 0 || size >= 1e-6 && size < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func numbers(list []float64) string {
	texts := make([]string, 0, len(list))
	for _, v := range list {
		texts = append(texts, number(v))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// maxShown is how much of somebody's input an error repeats.
const maxShown = 40

// shown is the text, shortened.
func shown[T string | []byte](text T) string {
	s := string(text)
	if len(s) <= maxShown {
		return s
	}
	return cut(s, maxShown) + "…"
}

// cut is the text without what is beyond so many bytes, at the edge of a
// character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
