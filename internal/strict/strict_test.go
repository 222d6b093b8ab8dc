package strict_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/internal/strict"
)

type common struct {
	Service string `json:"service"`
}

type limits struct {
	FailureThreshold int     `json:"failureThreshold"`
	ResetTimeoutMs   float64 `json:"resetTimeoutMs"`
}

// document has a field of every sort that Decode takes.
type document struct {
	common

	Reason   string            `json:"reason,omitempty"`
	On       bool              `json:"on"`
	Small    int8              `json:"small"`
	Count    uint16            `json:"count"`
	Float    float32           `json:"float"`
	Steps    []float64         `json:"steps"`
	Names    []string          `json:"names"`
	Optional *limits           `json:"optional"`
	Limits   limits            `json:"limits"`
	List     []limits          `json:"list"`
	Services map[string]limits `json:"services"`
	At       time.Time         `json:"at"`
	Any      any               `json:"any"`
	Raw      json.RawMessage   `json:"raw"`
	Number   json.Number       `json:"number"`
	Bytes    []byte            `json:"bytes"`
	Custom   custom            `json:"custom"`
	Untagged string
	Hidden   func() `json:"-"`
	private  string
}

// custom decodes itself, and reports its fields in the way Decode can read.
type custom struct{ limits }

func (c *custom) UnmarshalJSON(b []byte) error {
	if err := strict.Decode(b, &c.limits, strict.Options{}); err != nil {
		return fmt.Errorf("wrapped: %w", err)
	}
	if c.FailureThreshold < 0 {
		return errors.New("is negative")
	}
	return nil
}

func TestDecode_FillsEverySortOfField(t *testing.T) {
	t.Parallel()
	const in = ` {"service":"a","reason":"\u0041\n\"\\\/\b\f\r\t\ud83d\ude00é","on":true,"small":-128,"count":65535,
		"float":1.5e3,"steps":[0.1,1],"names":[],"optional":{"failureThreshold":3},"limits":{},
		"list":[{"resetTimeoutMs":1},{}],"services":{"x":{"failureThreshold":2},"y":null},"at":"2026-11-23T08:00:00.5Z",
		"any":{"b":[1,"s",true,null,{}]},"raw":[ 9007199254740993 ],"number":1e3,"bytes":"aGk=",
		"custom":{"failureThreshold":7},"Untagged":"u"}` + "\n\t "
	var got, want document
	if err := strict.Decode([]byte(in), &got, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(in), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{}, custom{}), cmp.Comparer(sameFunc)); diff != "" {
		t.Errorf("against encoding/json (-want +got):\n%s", diff)
	}
	if got.Any == nil || got.Services["x"].FailureThreshold != 2 || string(got.Raw) != "[ 9007199254740993 ]" {
		t.Errorf("got %+v", got)
	}
}

func sameFunc(a, b func()) bool { return a == nil && b == nil }

func TestDecode_LeavesWhatNullOrAbsenceDoesNotSet(t *testing.T) {
	t.Parallel()
	got := document{
		Reason: "kept", Small: 3, Optional: &limits{FailureThreshold: 9}, Names: []string{"gone"},
		Services: map[string]limits{"kept": {FailureThreshold: 1}},
	}
	const in = `{"reason":null,"names":null,"optional":{"resetTimeoutMs":5},"services":{"new":{}},"at":null}`
	if err := strict.Decode([]byte(in), &got, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	want := document{
		Reason: "kept", Small: 3, Optional: &limits{FailureThreshold: 9, ResetTimeoutMs: 5},
		Services: map[string]limits{"kept": {FailureThreshold: 1}, "new": {}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{}, custom{}), cmp.Comparer(sameFunc)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecode_NamesEveryBadFieldByItsPath(t *testing.T) {
	t.Parallel()
	const in = `{
		"servce": "a", "reason": 7, "on": "yes", "small": 128, "count": -1, "float": 1e39,
		"steps": [1, "2", null], "names": {}, "optional": {"failureTreshold": 1},
		"list": [{"failureThreshold": 1.5}, 3], "at": "yesterday", "raw": {"a": 1, "a": 2},
		"services": {"x": {"config": {}, "resetTimeoutMs": true}, "": 1}, "bytes": "!",
		"custom": {"reset_timeout_ms": 3, "failureThreshold": []}, "limits": {"FailureThreshold": 1},
		"any": 9007199254740993, "number": "1", "hidden": 1, "private": 1, "Hidden": 2}`
	var doc document
	err := strict.Decode([]byte(in), &doc, strict.Options{Path: "body"})
	if bad, ok := errors.AsType[*strict.Error](err); !ok {
		t.Fatalf("got %v, want a *strict.Error", err)
	} else if diff := cmp.Diff([]strict.FieldError{
		{Field: "body.servce", Message: `unknown field, did you mean "service"?`},
		{Field: "body.reason", Message: "must be a string, not a number"},
		{Field: "body.on", Message: "must be true or false, not a string"},
		{Field: "body.small", Message: "is out of range"},
		{Field: "body.count", Message: "is out of range"},
		{Field: "body.float", Message: "is too large a number"},
		{Field: "body.steps[1]", Message: "must be a number, not a string"},
		{Field: "body.steps[2]", Message: "must be a number, not null"},
		{Field: "body.names", Message: "must be a list, not an object"},
		{Field: "body.optional.failureTreshold", Message: `unknown field, did you mean "failureThreshold"?`},
		{Field: "body.list[0].failureThreshold", Message: "must be a whole number, without a point or an exponent"},
		{Field: "body.list[1]", Message: "must be an object, not a number"},
		{Field: "body.at", Message: "must be a time such as 2026-01-31T12:00:00Z"},
		{Field: "body.raw.a", Message: "given twice"},
		{Field: "body.services.x.config", Message: "unknown field"},
		{Field: "body.services.x.resetTimeoutMs", Message: "must be a number, not true or false"},
		{Field: `body.services.""`, Message: "must be an object, not a number"},
		{Field: "body.bytes", Message: "must be base64"},
		{Field: "body.custom.reset_timeout_ms", Message: `unknown field, did you mean "resetTimeoutMs"?`},
		{Field: "body.custom.failureThreshold", Message: "must be a number, not a list"},
		{Field: "body.limits.FailureThreshold", Message: `wrong case, the name is "failureThreshold"`},
		{Field: "body.any", Message: "is too large a whole number"},
		{Field: "body.number", Message: "must be a number, not a string"},
		{Field: "body.hidden", Message: "unknown field"},
		{Field: "body.private", Message: "unknown field"},
		{Field: "body.Hidden", Message: "unknown field"},
	}, bad.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if doc.private != "" {
		t.Error("an unexported field was set")
	}
}

func TestDecode_IgnoringUnknownStillHoldsKnownFieldsToNameAndType(t *testing.T) {
	t.Parallel()
	var doc document
	const good = `{"service":"a","later":{"deep":[1,{"x":null}]},"limits":{"other":1,"failureThreshold":4}}`
	if err := strict.Decode([]byte(good), &doc, strict.Options{IgnoreUnknown: true}); err != nil {
		t.Fatal(err)
	}
	if doc.Service != "a" || doc.Limits.FailureThreshold != 4 {
		t.Errorf("got %+v", doc)
	}
	const bad = `{"service":1,"Reason":"r","later":{"x":1,"x":1},"limits":{"failureThreshold":"4"}}`
	err := strict.Decode([]byte(bad), &doc, strict.Options{IgnoreUnknown: true})
	const want = `service: must be a string, not a number; Reason: wrong case, the name is "reason"; ` +
		`later.x: given twice; limits.failureThreshold: must be a number, not a string`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

type stamped struct{ At string }

func (s *stamped) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		s.At = "null"
		return nil
	}
	return json.Unmarshal(b, &s.At)
}

type level int

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "high" {
		return errors.New("is no level")
	}
	*l = 9
	return nil
}

func TestDecode_AsksTypesThatDecodeThemselves(t *testing.T) {
	t.Parallel()
	var got struct {
		A *stamped         `json:"a"`
		B *stamped         `json:"b"`
		C []stamped        `json:"c"`
		L level            `json:"l"`
		M map[string]level `json:"m"`
	}
	if err := strict.Decode([]byte(`{"a":"x","b":null,"c":["y",null],"l":"high","m":{"k":"high"}}`), &got, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	if got.A.At != "x" || got.B != nil || got.C[0].At != "y" || got.C[1].At != "null" || got.L != 9 || got.M["k"] != 9 {
		t.Errorf("got %+v", got)
	}
	err := strict.Decode([]byte(`{"l":"low","m":{"k":9},"a":7}`), &got, strict.Options{})
	const want = "l: is no level; m.k: must be a string, not a number; " +
		"a: json: cannot unmarshal number into Go value of type string"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestUnknown_NamesTheNearest(t *testing.T) {
	t.Parallel()
	known := []string{"resetTimeoutMs", "maxResetTimeoutMs", "jitter", "to", "on"}
	for key, want := range map[string]string{
		"RESETTIMEOUTMS":               `wrong case, the name is "resetTimeoutMs"`,
		"resetTimeout":                 `unknown field, did you mean "resetTimeoutMs"?`,
		"max_reset_timeout_ms":         `unknown field, did you mean "maxResetTimeoutMs"?`,
		"gitter":                       `unknown field, did you mean "jitter"?`,
		"jittrer":                      `unknown field, did you mean "jitter"?`,
		"tn":                           `unknown field, did you mean "on"?`, // as near to both: by the alphabet
		"xy":                           "unknown field",
		"":                             "unknown field",
		"jitterjit":                    "unknown field",
		strings.Repeat("j", 1_000_000): "unknown field",
	} {
		if got := strict.Unknown(key, known); got != want {
			t.Errorf("%.20q: got %q, want %q", key, got, want)
		}
	}
}

func TestDecode_BoundsWhatItSaysOfAHostileBody(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("é", 50_000)
	var b strings.Builder
	b.WriteString(`{"services":{"` + key + `":{`)
	for i := range 3 * strict.MaxFields {
		fmt.Fprintf(&b, `"k%d":0,`, i)
	}
	b.WriteString(`"z":0}}}`)
	var doc document
	err := strict.Decode([]byte(b.String()), &doc, strict.Options{})
	bad, ok := errors.AsType[*strict.Error](err)
	if !ok || len(bad.Fields) != strict.MaxFields+1 {
		t.Fatalf("got %T with %d fields, want %d", err, len(bad.Fields), strict.MaxFields+1)
	}
	if n := len(bad.Error()); n > 300*strict.MaxFields {
		t.Errorf("the error is %d bytes long", n)
	}
	if last := bad.Fields[strict.MaxFields].Message; !strings.Contains(last, "more") {
		t.Errorf("the last entry says %q", last)
	}
}

func TestDecode_RefusesTargetsItCannotFill(t *testing.T) {
	t.Parallel()
	var nilPointer *document
	for name, v := range map[string]any{
		"not a pointer": document{}, "nil": nil, "nil pointer": nilPointer,
		"channel": new(chan int), "int keys": new(map[int]string), "func": new(func()),
	} {
		err := strict.Decode([]byte(`{}`), v, strict.Options{})
		if _, ok := errors.AsType[*strict.Error](err); err == nil || ok {
			t.Errorf("%s: got %v, want an error of its own", name, err)
		}
	}
}

func TestDecode_TakesListsIntoArraysThatAreAsLong(t *testing.T) {
	t.Parallel()
	type pairs struct {
		Pairs [][2]uint8 `json:"pairs"`
	}
	var got pairs
	if err := strict.Decode([]byte(`{"pairs":[[1,2],[3,4]]}`), &got, strict.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pairs{[][2]uint8{{1, 2}, {3, 4}}}, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		`{"pairs":[[1]]}`:         "pairs[0]: must have 2 elements, not 1",
		`{"pairs":[[1,2,3]]}`:     "pairs[0]: must have 2 elements, not 3",
		`{"pairs":[[]]}`:          "pairs[0]: must have 2 elements, not 0",
		`{"pairs":[[1,256]]}`:     "pairs[0][1]: is out of range",
		`{"pairs":[[1,null]]}`:    "pairs[0][1]: must be a number, not null",
		`{"pairs":[{"0":1}]}`:     "pairs[0]: must be a list, not an object",
		`{"pairs":[[1,2,1e999]]}`: "pairs[0][2]: is too large a number; pairs[0]: must have 2 elements, not 3",
	} {
		err := strict.Decode([]byte(text), &got, strict.Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
