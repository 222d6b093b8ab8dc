// Package strict decodes the JSON that comes in from outside: request bodies,
// messages of the live stream, sections of a config file.
//
// encoding/json takes the last of two equal keys, matches names whatever their
// case, replaces broken UTF-8 and stops at the first field of a wrong type.
// Decode does none of that:
//
//  1. The document is valid UTF-8 and one JSON value, with nothing after it.
//  2. It is nested at most MaxDepth deep.
//  3. No object has a key twice, however the key is escaped.
//  4. A key has the name of its field letter by letter. A key that differs in
//     case only is refused in either mode.
//  5. No string holds a NUL or half of a surrogate pair.
//  6. No number overflows float64, nor the Go type that takes it, and no whole
//     number of 2^53 or more is rounded in silence.
//  7. Every bad field is reported at once, by its path.
//
// # Types
//
// Structs (embedded ones too, not by pointer), maps with string keys, slices,
// arrays (of which a list has just as many elements), pointers, strings, booleans, numbers, any, and types with UnmarshalJSON or
// UnmarshalText; fields go by their json tags, whose option "string" is not
// supported. null leaves a value as it is, or makes it nil, as in
// encoding/json; it is refused as the document and as the element of a list,
// unless the type has a nil.
//
// A type with its own UnmarshalJSON gets its bytes after rules 1 to 3, 5 and
// the first part of 6 were checked on them; the rest is its own to do, best by
// calling Decode. If its error, or one that it wraps, has the method
//
//	EachField(func(field, message string))
//
// each of those fields is reported under the path of the value. [Error] has it.
package strict

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// MaxDepth is how many objects and lists may stand inside one another.
const MaxDepth = 32

// MaxFields is how many bad fields one [Error] lists; a document with more of
// them gets a last entry that says so. It bounds the answer to a hostile body.
const MaxFields = 1000

// Options say how Decode treats a document. The zero Options refuse unknown
// fields and report paths from the document's root.
type Options struct {
	// IgnoreUnknown skips fields that the type does not have. A field that it
	// has must still have its type and its exact name.
	IgnoreUnknown bool

	// AnyNumber takes numbers that are too large for any type, such as 1e999,
	// where nobody reads them: in raw values and fields that are skipped.
	AnyNumber bool

	// Path stands before every reported path: "services.x" makes
	// "services.x.config" of "config".
	Path string
}

// FieldError is what is wrong with one field.
type FieldError struct {
	// Field is the path, such as "outcomes[2].duration_ms", or Options.Path
	// (empty by default) for the document itself. Long keys are shortened.
	Field string
	// Message is for people; it does not repeat the field.
	Message string
}

// Error lists the bad fields of a well-formed document, in its order.
type Error struct {
	Fields []FieldError
}

// Error joins all fields into one line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		if f.Field != "" {
			b.WriteString(f.Field + ": ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// EachField calls yield with every bad field, in order.
func (e *Error) EachField(yield func(field, message string)) {
	for _, f := range e.Fields {
		yield(f.Field, f.Message)
	}
}

// SyntaxError says that the bytes are not a document that Decode reads at all.
type SyntaxError struct {
	Offset  int // bytes before the offending one
	Message string
}

// Error gives the message and the offset.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at offset %d", e.Message, e.Offset)
}

// Decode reads the one JSON value in data into what v points at. It returns
// nil, a [*SyntaxError], an [*Error] that lists the bad fields, or another
// error if v is not a pointer or holds a type that it does not support. After
// an error v may be half filled and is not to be used. Decode keeps nothing of
// data.
func Decode(data []byte, v any, opts Options) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return errors.New("strict: Decode needs a pointer that is not nil")
	}
	d := decoder{scanner: scanner{data: data}, opts: opts}
	if err := d.document(p.Elem()); err != nil {
		return err
	}
	if len(d.bad) > 0 {
		return &Error{Fields: d.bad}
	}
	return nil
}
