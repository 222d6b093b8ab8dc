package strict_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/internal/strict"
)

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// hostile are documents that are refused whatever the mode. Each is tried as
// the body itself and, where that can be, as the value of an unknown field.
var hostile = []struct {
	name, in string
	want     string // in the error
}{
	{"nothing", ``, "unexpected end"},
	{"white space only", " \n\t ", "unexpected end"},
	{"a byte order mark", "\ufeff{}", "unexpected"},
	{"a second document", `{} {}`, "want nothing more"},
	{"a trailing comma after the document", `{},`, "want nothing more"},
	{"a trailing NUL byte", "{}\x00", "want nothing more"},
	{"trailing garbage", `{}x`, "want nothing more"},
	{"null for the document", `null`, "must be an object, not null"},
	{"a list for the document", `[]`, "must be an object, not a list"},
	{"a string for the document", `"x"`, "must be an object, not a string"},
	{"a number for the document", `1`, "must be an object, not a number"},
	{"broken UTF-8 in a value", "{\"service\":\"\xff\xfe\"}", "not UTF-8 at offset 12"},
	{"broken UTF-8 in a key", "{\"\xc3\x28\":1}", "not UTF-8 at offset 2"},
	{"a surrogate in UTF-8", "{\"service\":\"\xed\xa0\x80\"}", "not UTF-8"},
	{"an overlong UTF-8 slash", "{\"service\":\"\xc0\xaf\"}", "not UTF-8"},
	{"broken UTF-8 after the document", "{}\xff", "not UTF-8"},
	{"half a surrogate pair", `{"service":"\ud800"}`, "half of a surrogate pair"},
	{"the other half", `{"service":"\udc00"}`, "half of a surrogate pair"},
	{"two first halves", `{"service":"\ud800\ud800"}`, "half of a surrogate pair"},
	{"half a pair before another escape", `{"service":"\ud800\n"}`, "half of a surrogate pair"},
	{"half a pair in a key", `{"\ud800":1}`, "half of a surrogate pair"},
	{"a NUL escape", `{"service":"a\u0000b"}`, "NUL in a string"},
	{"a NUL escape in a key", `{"\u0000":1}`, "NUL in a string"},
	{"a NUL byte in a string", "{\"service\":\"a\x00\"}", "control character"},
	{"a line feed in a string", "{\"service\":\"a\nb\"}", "control character"},
	{"a bad escape", `{"service":"\x41"}`, "want an escape"},
	{"a capital U escape", `{"service":"\U00000041"}`, "want an escape"},
	{"a short unicode escape", `{"service":"\u41"}`, "four hex digits"},
	{"a signed unicode escape", `{"service":"\u+041"}`, "four hex digits"},
	{"an escape at the end", `{"service":"\`, "unexpected end"},
	{"an open string", `{"service":"a`, "closing quote"},
	{"a unicode escape cut off", `{"service":"\u00`, "unexpected end"},
	{"a surrogate pair cut off", `{"service":"\ud800\u`, "unexpected end"},
	{"single quotes", `{'service':'a'}`, "want a key"},
	{"a key without quotes", `{service:"a"}`, "want a key"},
	{"a number for a key", `{1:2}`, "want a key"},
	{"no colon", `{"service" "a"}`, "want ':'"},
	{"no value", `{"service":}`, "want a value"},
	{"no comma", `{"service":"a" "reason":"b"}`, "want ','"},
	{"a trailing comma", `{"service":"a",}`, "want a key"},
	{"a trailing comma in a list", `{"names":["a",]}`, "want a value"},
	{"a leading comma", `{,"service":"a"}`, "want a key"},
	{"an open object", `{"service":"a"`, "unexpected end"},
	{"an open list", `{"names":["a"`, "unexpected end"},
	{"the wrong bracket", `{"names":["a"}`, "want ','"},
	{"a comment", `{/*x*/"service":"a"}`, "want a key"},
	{"a form feed", "{\f}", "want a key"},
	{"NaN", `{"float":NaN}`, "want a value"},
	{"Infinity", `{"float":Infinity}`, "want a value"},
	{"minus alone", `{"float":-}`, "want a digit"},
	{"a plus sign", `{"float":+1}`, "want a value"},
	{"a leading zero", `{"float":01}`, "want ','"},
	{"a leading point", `{"float":.5}`, "want a value"},
	{"a trailing point", `{"float":1.}`, "want a digit"},
	{"an open exponent", `{"float":1e+}`, "want a digit"},
	{"a hex number", `{"float":0x10}`, "want ','"},
	{"True", `{"on":True}`, "want a value"},
	{"tru", `{"on":tru}`, "want true, false or null"},
	{"nil", `{"on":nil}`, "want true, false or null"},
	{"1e999", `{"resetTimeoutMs":1e999,"float":1e999}`, "float: is too large a number"},
	{"minus 1e999 for a whole number", `{"small":-1e999}`, "small: is too large a number"},
	{"1e999 in a raw value", `{"raw":[1e999]}`, "raw[0]: is too large a number"},
	{"1e999 in an unknown field", `{"x":1e999}`, "x: is too large a number"},
	{"a whole number beyond 2^53", `{"limits":{"failureThreshold":9007199254740993}}`, "is too large a whole number"},
	{"the same below zero", `{"limits":{"failureThreshold":-9007199254740993}}`, "is too large a whole number"},
	{"2^64 + 1", `{"count":18446744073709551617}`, "is too large a whole number"},
	{"a point in a whole number", `{"small":1.0}`, "must be a whole number"},
	{"an exponent in a whole number", `{"small":1e1}`, "must be a whole number"},
	{"a number in quotes", `{"small":"1"}`, "must be a number, not a string"},
	{"a boolean as a number", `{"on":1}`, "must be true or false, not a number"},
	{"a key given twice", `{"service":"a","service":"b"}`, "service: given twice"},
	{"the same key escaped", `{"service":"a","s\u0065rvice":"b"}`, "service: given twice"},
	{"an unknown key given twice", `{"x":1,"x":1}`, "x: given twice"},
	{"a key given twice in a map", `{"services":{"a":{},"a":{}}}`, "services.a: given twice"},
	{"a key given twice below any", `{"any":[{"a":1,"a":2}]}`, "any[0].a: given twice"},
	{"a key in another case", `{"Service":"a"}`, `Service: wrong case, the name is "service"`},
	{"a key in both cases", `{"service":"a","SERVICE":"b"}`, "SERVICE: wrong case"},
	{"a key whose case folds to ASCII", `{"ſervice":"a"}`, "wrong case"},
	{"33 levels in an unknown field", `{"x":` + nested(strict.MaxDepth) + `}`, "nested deeper than 32"},
	{"33 levels below any", `{"any":` + nested(strict.MaxDepth) + `}`, "nested deeper than 32"},
	{"33 levels in a raw value", `{"raw":` + nested(strict.MaxDepth) + `}`, "nested deeper than 32"},
	{"half a million levels", strings.Repeat(`[`, 1<<19), "nested deeper than 32"},
	{"half a million objects", strings.Repeat(`{"any":`, 1<<16), "nested deeper than 32"},
}

func TestDecode_RefusesHostileDocumentsInBothModes(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		for _, opts := range []strict.Options{{}, {IgnoreUnknown: true}} {
			err := strict.Decode([]byte(tt.in), new(document), opts)
			if err == nil {
				t.Errorf("%s, %+v: accepted", tt.name, opts)
				continue
			}
			_, syntax := errors.AsType[*strict.SyntaxError](err)
			_, fields := errors.AsType[*strict.Error](err)
			if !syntax && !fields {
				t.Errorf("%s, %+v: got a %T", tt.name, opts, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s, %+v: got %q, want %q in it", tt.name, opts, err, tt.want)
			}
		}
	}
}

func TestDecode_TakesAnyNumberThatNobodyReads(t *testing.T) {
	t.Parallel()
	opts := strict.Options{IgnoreUnknown: true, AnyNumber: true}
	var got document
	if err := strict.Decode([]byte(`{"raw":[1e999,-1E+400],"x":1e999}`), &got, opts); err != nil {
		t.Error(err)
	}
	for _, in := range []string{`{"float":1e999}`, `{"any":1e999}`, `{"raw":1e}`, `{"x":01}`, `{"limits":{"failureThreshold":9007199254740993}}`} {
		if err := strict.Decode([]byte(in), new(document), opts); err == nil {
			t.Errorf("%s: accepted", in)
		}
	}
}

func TestDecode_TakesWhatStandsJustInsideTheBounds(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{"any":` + nested(strict.MaxDepth-1) + `}`,
		`{"limits":{"failureThreshold":9007199254740991}}`,
		`{"limits":{"failureThreshold":-9007199254740991}}`,
		`{"small":-0,"count":-0,"float":-0.0e-0}`,
		`{"limits":{"resetTimeoutMs":1e308}}`,
		`{"limits":{"resetTimeoutMs":1e-999}}`,
		`{"service":"\ud83d\ude00\u0001\uffff"}`,
		`{"services":{"a":{},"A":{}}}`,
		"{\"service\":\"\x7f\u2028\u202e\"}",
	} {
		if err := strict.Decode([]byte(in), new(document), strict.Options{}); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}
