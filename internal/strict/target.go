package strict

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wanted is the kind of JSON value that v takes, or empty if Decode does not
// support its type.
func wanted(v reflect.Value) kind {
	if textUnmarshaler(v) != nil {
		return text
	}
	t := v.Type()
	switch is := t.Kind(); {
	case t == reflect.TypeFor[json.Number](), v.CanInt(), v.CanUint(), v.CanFloat():
		return number
	case is == reflect.String, is == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return text
	case is == reflect.Slice, is == reflect.Array:
		return array
	case is == reflect.Struct, is == reflect.Map && t.Key().Kind() == reflect.String:
		return object
	case is == reflect.Bool:
		return boolean
	default:
		return ""
	}
}

func nillable(v reflect.Value) bool {
	return slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface}, v.Kind())
}

// unmarshaler is v as a json.Unmarshaler, or nil. A pointer is none: what it
// points at is asked. Nor is a time: its other method reads the same, and only
// from a string.
func unmarshaler(v reflect.Value) json.Unmarshaler {
	if v.Kind() == reflect.Pointer || v.Type() == reflect.TypeFor[time.Time]() {
		return nil
	}
	u, _ := reflect.TypeAssert[json.Unmarshaler](v.Addr())
	return u
}

// textUnmarshaler is v as an encoding.TextUnmarshaler, or nil.
func textUnmarshaler(v reflect.Value) encoding.TextUnmarshaler {
	if v.Kind() == reflect.Pointer {
		return nil
	}
	u, _ := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	return u
}

// exact is the first integer that float64, and so most readers of JSON, cannot
// tell from its neighbour.
const exact = 1 << 53

// setNumber gives dst, unless it is nowhere, the number that is written lit. It
// returns what is wrong with the number, or nothing.
func setNumber(dst reflect.Value, lit string) string {
	f, err := strconv.ParseFloat(lit, 64)
	if err != nil {
		return "is too large a number"
	}
	if !dst.IsValid() {
		return ""
	}
	whole := !strings.ContainsAny(lit, ".eE")
	switch {
	case dst.Type() == reflect.TypeFor[json.Number]():
		dst.SetString(lit)
	case whole && math.Abs(f) >= exact:
		return "is too large a whole number"
	case dst.CanFloat():
		if dst.OverflowFloat(f) {
			return "is too large a number"
		}
		dst.SetFloat(f)
	case !whole:
		return "must be a whole number, without a point or an exponent"
	case dst.CanUint():
		if f < 0 || dst.OverflowUint(uint64(f)) {
			return "is out of range"
		}
		dst.SetUint(uint64(f))
	default:
		if dst.OverflowInt(int64(f)) {
			return "is out of range"
		}
		dst.SetInt(int64(f))
	}
	return ""
}
