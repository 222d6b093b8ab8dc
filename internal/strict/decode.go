package strict

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// decoder walks the document and the Go value side by side. Its methods return
// what ends the walk; bad fields are collected and the walk goes on.
type decoder struct {
	scanner

	opts  Options
	depth int
	path  []segment
	bad   []FieldError
}

// nowhere is the target of a value that is only checked.
var nowhere reflect.Value

func (d *decoder) document(dst reflect.Value) error {
	if err := d.validUTF8(); err != nil {
		return err
	}
	if err := d.element(dst); err != nil {
		return err
	}
	if d.peek(); d.pos < len(d.data) {
		return d.unexpected("nothing more")
	}
	return nil
}

// element reads a value that null cannot stand for, unless its type has a nil.
func (d *decoder) element(dst reflect.Value) error {
	k, err := d.next()
	if err != nil {
		return err
	}
	if k == null && dst.IsValid() && !nillable(dst) && unmarshaler(dst) == nil {
		return d.mismatch(wanted(dst), k)
	}
	return d.value(dst)
}

// value reads the next value into dst.
func (d *decoder) value(dst reflect.Value) error {
	k, err := d.next()
	if err != nil {
		return err
	}
	if !dst.IsValid() {
		return d.into(dst, k)
	}
	if u := unmarshaler(dst); u != nil {
		return d.unmarshal(u)
	}
	if k == null {
		if nillable(dst) {
			dst.SetZero()
		}
		_, err := d.word()
		return err
	}
	if dst.Kind() == reflect.Pointer {
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		return d.value(dst.Elem())
	}
	if u := textUnmarshaler(dst); u != nil {
		return d.unmarshalText(u, k)
	}
	return d.into(dst, k)
}

// into reads a value of kind k into dst, which is not a pointer, or nowhere.
func (d *decoder) into(dst reflect.Value, k kind) error {
	if dst.IsValid() {
		if dst.Kind() == reflect.Interface && dst.NumMethod() == 0 {
			return d.untyped(dst, k)
		}
		switch want := wanted(dst); {
		case want == "":
			return fmt.Errorf("strict: %s is not supported", dst.Type())
		case want != k:
			return d.mismatch(want, k)
		}
	}
	switch k {
	case object:
		return d.object(dst)
	case array:
		return d.list(dst)
	case text:
		return d.string(dst)
	case number:
		return d.number(dst)
	case boolean, null:
	}
	w, err := d.word()
	if err == nil && dst.IsValid() {
		dst.SetBool(w == "true")
	}
	return err
}

// untyped reads a value of any type, with the Go types of encoding/json.
func (d *decoder) untyped(dst reflect.Value, k kind) error {
	types := map[kind]reflect.Type{
		object:  reflect.TypeFor[map[string]any](),
		array:   reflect.TypeFor[[]any](),
		text:    reflect.TypeFor[string](),
		number:  reflect.TypeFor[float64](),
		boolean: reflect.TypeFor[bool](),
	}
	v := reflect.New(types[k]).Elem()
	if err := d.into(v, k); err != nil {
		return err
	}
	dst.Set(v)
	return nil
}

func (d *decoder) object(dst reflect.Value) error {
	var known fields
	if dst.IsValid() {
		if dst.Kind() == reflect.Struct {
			known = fieldsOf(dst.Type())
		} else if dst.IsNil() {
			dst.Set(reflect.MakeMap(dst.Type()))
		}
	}
	seen := make(map[string]bool)
	return d.members('}', func(int) error {
		if d.peek() != '"' {
			return d.unexpected("a key")
		}
		key, err := d.str()
		if err != nil {
			return err
		}
		if d.peek() != ':' {
			return d.unexpected("':'")
		}
		d.pos++
		d.path = append(d.path, segment{key: key})
		defer func() { d.path = d.path[:len(d.path)-1] }()
		if seen[key] {
			d.report("given twice")
			return d.value(nowhere)
		}
		seen[key] = true
		return d.member(dst, known, key)
	})
}

// member reads the value of one key of dst: a struct, a map or nowhere.
func (d *decoder) member(dst reflect.Value, known fields, key string) error {
	switch {
	case !dst.IsValid():
		return d.value(nowhere)
	case dst.Kind() == reflect.Map:
		v := reflect.New(dst.Type().Elem()).Elem()
		if err := d.value(v); err != nil {
			return err
		}
		dst.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), v)
		return nil
	}
	if index, ok := known[key]; ok {
		return d.value(dst.FieldByIndex(index))
	}
	if len(d.bad) > MaxFields {
		return d.value(nowhere) // nobody will read what Unknown takes long to find
	}
	if names := known.names(); !d.opts.IgnoreUnknown || otherCase(key, names) != "" {
		d.report(Unknown(key, names))
	}
	return d.value(nowhere)
}

func (d *decoder) list(dst reflect.Value) error {
	if dst.IsValid() && dst.Kind() == reflect.Array {
		return d.tuple(dst)
	}
	if dst.IsValid() {
		dst.Set(reflect.MakeSlice(dst.Type(), 0, 0))
	}
	return d.members(']', func(i int) error {
		d.path = append(d.path, segment{index: i, list: true})
		defer func() { d.path = d.path[:len(d.path)-1] }()
		if !dst.IsValid() {
			return d.value(nowhere)
		}
		v := reflect.New(dst.Type().Elem()).Elem()
		if err := d.element(v); err != nil {
			return err
		}
		dst.Set(reflect.Append(dst, v))
		return nil
	})
}

// tuple reads a list into an array, which is as long.
func (d *decoder) tuple(dst reflect.Value) error {
	had := 0
	err := d.members(']', func(i int) error {
		d.path = append(d.path, segment{index: i, list: true})
		defer func() { d.path = d.path[:len(d.path)-1] }()
		if had = i + 1; i >= dst.Len() {
			return d.value(nowhere)
		}
		return d.element(dst.Index(i))
	})
	if err == nil && had != dst.Len() {
		d.report(fmt.Sprintf("must have %d elements, not %d", dst.Len(), had))
	}
	return err
}

// members reads what stands between an opening and a closing bracket, calling
// each for every member.
func (d *decoder) members(closing byte, each func(i int) error) error {
	if d.depth++; d.depth > MaxDepth {
		return d.errorf(d.pos, "nested deeper than %d", MaxDepth)
	}
	defer func() { d.depth-- }()
	d.pos++
	if d.peek() == closing {
		d.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := each(i); err != nil {
			return err
		}
		switch d.peek() {
		case closing:
			d.pos++
			return nil
		case ',':
			d.pos++
		default:
			return d.unexpected(fmt.Sprintf("',' or %q", closing))
		}
	}
}

func (d *decoder) string(dst reflect.Value) error {
	s, err := d.str()
	if err != nil || !dst.IsValid() {
		return err
	}
	if dst.Kind() == reflect.String {
		dst.SetString(s)
		return nil
	}
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		dst.SetBytes(b)
	} else {
		d.report("must be base64")
	}
	return nil
}

func (d *decoder) number(dst reflect.Value) error {
	lit, err := d.numeral()
	if err != nil || d.opts.AnyNumber && !dst.IsValid() {
		return err
	}
	if problem := setNumber(dst, lit); problem != "" {
		d.report(problem)
	}
	return nil
}

// unmarshal gives u the bytes of the next value, once they are found sound.
func (d *decoder) unmarshal(u json.Unmarshaler) error {
	d.peek()
	start, bad := d.pos, len(d.bad)
	if err := d.value(nowhere); err != nil || len(d.bad) > bad {
		return err
	}
	d.inner(u.UnmarshalJSON(d.data[start:d.pos]))
	return nil
}

func (d *decoder) unmarshalText(u encoding.TextUnmarshaler, k kind) error {
	if k != text {
		return d.mismatch(text, k)
	}
	s, err := d.str()
	if err != nil {
		return err
	}
	d.inner(u.UnmarshalText([]byte(s)))
	return nil
}

// inner reports what a type's own method found wrong.
func (d *decoder) inner(err error) {
	var each interface {
		EachField(func(field, message string))
	}
	var parse *time.ParseError
	switch {
	case err == nil:
	case errors.As(err, &each):
		each.EachField(d.reportAt)
	case errors.As(err, &parse):
		d.report("must be a time such as 2026-01-31T12:00:00Z")
	default:
		d.report(err.Error())
	}
}

// mismatch reports a value of the wrong kind and steps over it.
func (d *decoder) mismatch(want, got kind) error {
	d.report("must be " + string(want) + ", not " + string(got))
	return d.value(nowhere)
}
