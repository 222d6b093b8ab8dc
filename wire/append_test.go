package wire_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/wire"
)

// TestAppendJSON_WritesWhatMarshalDoes fills every field of an entry, those that
// come later too, with what is common and with what is odd.
func TestAppendJSON_WritesWhatMarshalDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var e wire.Entry
		fill(t, reflect.ValueOf(&e).Elem(), "entry")
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(e.AppendJSON([]byte("before"))); got != "before"+string(want) {
			t.Errorf("got  %s\nwant before%s", got, want)
		}
	})
}

var (
	oddTexts   = []string{"", "plain", `a "quoted" \ one`, "<b>&</b>", "é ✓ 日本", "\x00\x1f\x7f", "\xff\xfe cut", "\u2028\u2029", strings.Repeat("x", 300)}
	oddNumbers = []float64{0, math.Copysign(0, -1), 1, 0.1, 1.8, 12.345, -3, 1e-6, 9.9e-7, 1e20, 1e21, -1e21, math.MaxFloat64, math.SmallestNonzeroFloat64}
	docs       = []json.RawMessage{nil, json.RawMessage("null"), json.RawMessage(`{"a":[1,"\u003c"]}`)}
	moments    = []time.Time{{}, time.Unix(0, 0), time.Date(2026, 2, 3, 4, 5, 6, 7_999_999, time.FixedZone("", 3600)), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}
)

// fill sets all that is in v.
func fill(t *rapid.T, v reflect.Value, name string) {
	switch p := v.Addr().Interface().(type) {
	case *wire.Time:
		p.Time = rapid.SampledFrom(moments).Draw(t, name)
		return
	case *json.RawMessage:
		*p = rapid.SampledFrom(docs).Draw(t, name)
		return
	}
	switch v.Kind() { //nolint:exhaustive // of what an entry has not
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name+" is there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), name)
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, name+"'s length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i), name)
			}
		}
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.SampledFrom(oddTexts), rapid.String()).Draw(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, name))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, name))
	case reflect.Float64:
		v.SetFloat(rapid.OneOf(rapid.SampledFrom(oddNumbers), rapid.Float64Range(-1e30, 1e30)).Draw(t, name))
	default:
		t.Fatalf("%s is of a kind that nobody fills yet: %s", name, v.Kind())
	}
}
