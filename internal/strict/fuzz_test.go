package strict_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/degenduel/switchgear/internal/strict"
)

// FuzzDecode holds that what Decode takes, encoding/json takes too and reads
// alike; that it is then taken as written by either; and that ignoring unknown
// fields only ever takes more.
func FuzzDecode(f *testing.F) {
	for _, h := range hostile {
		if len(h.in) < 1<<10 {
			f.Add([]byte(h.in))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got, lax, want document
		err := strict.Decode(in, &got, strict.Options{})
		laxErr := strict.Decode(in, &lax, strict.Options{IgnoreUnknown: true})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a message")
			}
			return
		}
		if laxErr != nil {
			t.Fatalf("refused only where unknown fields are ignored: %v", laxErr)
		}
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		// Not cmp.Diff: its time grows exponentially with the depth of any.
		if !reflect.DeepEqual(want, got) {
			t.Errorf("got  %+v\nwant %+v, as encoding/json has it", got, want)
		}
		if !reflect.DeepEqual(got, lax) {
			t.Errorf("got %+v, where unknown fields are ignored %+v", got, lax)
		}
		out, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := strict.Decode(out, new(document), strict.Options{}); err != nil {
			t.Errorf("refuses what was written of it, %s: %v", out, err)
		}
	})
}
