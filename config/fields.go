package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/degenduel/switchgear"
)

// FieldsError is a section that was refused, with every bad field of it by its
// path, such as healthCheck.http.url.
type FieldsError struct {
	fields []switchgear.FieldError
}

// Error lists the bad fields.
func (e *FieldsError) Error() string {
	lines := make([]string, len(e.fields))
	for i, f := range e.fields {
		lines[i] = strings.TrimPrefix(f.Field+": "+f.Message, ": ")
	}
	return strings.Join(lines, "; ")
}

// Fields are the bad fields, in the order in which they were found.
func (e *FieldsError) Fields() []switchgear.FieldError { return e.fields }

// EachField calls f with every bad field.
func (e *FieldsError) EachField(f func(field, message string)) {
	for _, b := range e.fields {
		f(b.Field, b.Message)
	}
}

// problems collects bad fields. The zero value has none.
type problems []switchgear.FieldError

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, switchgear.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// addAll adds the fields that err lists, under a path. It returns err if it
// lists none.
func (p *problems) addAll(path string, err error) error {
	var each interface {
		EachField(f func(field, message string))
	}
	if !errors.As(err, &each) {
		return err
	}
	each.EachField(func(field, message string) { p.add(join(path, field), "%s", message) })
	return nil
}

// addNew adds those of more that say something new: a field that could not be
// read has its error, and is not also missing or out of its range.
func (p *problems) addNew(more problems) {
	known := *p
	for _, f := range more {
		if !slices.ContainsFunc(known, func(k switchgear.FieldError) bool { return within(k.Field, f.Field) }) {
			*p = append(*p, f)
		}
	}
}

// within reports whether a path is outer, or below it.
func within(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

func (p *problems) orNil() error {
	if len(*p) == 0 {
		return nil
	}
	return &FieldsError{fields: *p}
}

// join puts a field below a path.
func join(path, field string) string {
	if path == "" || field == "" || field[0] == '[' {
		return path + field
	}
	return path + "." + field
}
