package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/wire"
)

func TestDecodeClientMessage_ReadsEveryField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want wire.ClientMessage
	}{
		{`{"type":"ping"}`, wire.ClientMessage{Type: wire.TypePing}},
		{`{"type":"ping","timestamp":null}`, wire.ClientMessage{Type: wire.TypePing}},
		{`{"type":"ping","timestamp":"a\u0062"}`, wire.ClientMessage{Type: wire.TypePing, Timestamp: json.RawMessage(`"a\u0062"`)}},
		{`{"type":"ping","timestamp": 1.50 }`, wire.ClientMessage{Type: wire.TypePing, Timestamp: json.RawMessage(`1.50`)}},
		{`{"type":"ping","timestamp":1e999,"x":-1E400}`, wire.ClientMessage{Type: wire.TypePing, Timestamp: json.RawMessage(`1e999`)}},
		{`{"type":"subscribe:services"}`, wire.ClientMessage{Type: wire.TypeSubscribe}},
		{
			`{"type":"subscribe:services","services":["a"],"layers":[],"statuses":["healthy"],"since":{"epoch":"e","seq":9,"more":1}}`,
			wire.ClientMessage{
				Type: wire.TypeSubscribe, Services: []string{"a"}, Layers: []string{}, Statuses: []string{"healthy"},
				Since: &wire.Since{Epoch: "e", Seq: 9},
			},
		},
		{
			`{"type":"service:health_check","service":"a","request_id":"r","from_tomorrow":[{}]}`,
			wire.ClientMessage{Type: wire.TypeHealthCheck, Service: "a", RequestID: `"r"`},
		},
		{
			`{"type":"service:health_check","service":"a","request_id":7}`,
			wire.ClientMessage{Type: wire.TypeHealthCheck, Service: "a", RequestID: "7"},
		},
		{
			`{"type":"service:reset_circuit_breaker","service":"a","reason":"b","to":"half_open"}`,
			wire.ClientMessage{Type: wire.TypeReset, Service: "a", Reason: "b", To: "half_open"},
		},
	}
	for _, tt := range tests {
		got, err := wire.DecodeClientMessage([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.in, diff)
		}
	}
}

func TestDecodeClientMessage_RefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		error string // a part of it
		keeps wire.ClientMessage
	}{
		{``, "end", wire.ClientMessage{}},
		{`null`, "object", wire.ClientMessage{}},
		{`"ping"`, "object", wire.ClientMessage{}},
		{`{"type":"ping"`, "end", wire.ClientMessage{}},
		{`{"type":"ping"}x`, "nothing more", wire.ClientMessage{}},
		{"{\"type\":\"\xff\"}", "UTF-8", wire.ClientMessage{}},
		{`{}`, "type", wire.ClientMessage{}},
		{`{"type":null,"request_id":"r"}`, "type", wire.ClientMessage{RequestID: `"r"`}},
		{`{"type":7,"request_id":"r"}`, "type", wire.ClientMessage{RequestID: `"r"`}},
		{`{"type":"pong","request_id":"r"}`, `"pong"`, wire.ClientMessage{Type: "pong", RequestID: `"r"`}},
		{`{"type":"ping","TYPE":"x"}`, "case", wire.ClientMessage{Type: "ping"}},
		{`{"type":"ping","type":"ping"}`, "twice", wire.ClientMessage{Type: "ping"}},
		{`{"type":"ping","timestamp":[]}`, "timestamp", wire.ClientMessage{Type: "ping"}},
		{`{"type":"ping","timestamp":false}`, "timestamp", wire.ClientMessage{Type: "ping"}},
		{`{"type":"ping","service":7,"request_id":"r"}`, "service", wire.ClientMessage{Type: "ping", RequestID: `"r"`}},
		{`{"type":"subscribe:services","services":{}}`, "services", wire.ClientMessage{Type: wire.TypeSubscribe}},
		{`{"type":"subscribe:services","layers":[null]}`, "layers", wire.ClientMessage{Type: wire.TypeSubscribe}},
		{`{"type":"subscribe:services","since":"e"}`, "since", wire.ClientMessage{Type: wire.TypeSubscribe}},
		{`{"type":"subscribe:services","since":{"epoch":1,"seq":-1}}`, "since.seq", wire.ClientMessage{Type: wire.TypeSubscribe}},
		{`{"type":"service:health_check"}`, "service", wire.ClientMessage{Type: wire.TypeHealthCheck}},
		{`{"type":"service:reset_circuit_breaker","service":"","reason":"b"}`, "service", wire.ClientMessage{Type: wire.TypeReset}},
	}
	for _, tt := range tests {
		got, err := wire.DecodeClientMessage([]byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.error) {
			t.Errorf("%s: error %v, want one with %q", tt.in, err, tt.error)
		}
		if diff := cmp.Diff(tt.keeps, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.in, diff)
		}
	}
}

// FuzzDecodeClientMessage holds that what is taken is a message that
// encoding/json reads alike, that it is taken again as written of it, and that
// the timestamp is the client's own bytes.
func FuzzDecodeClientMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"ping","timestamp":"2026-11-23T08:00:00.000Z"}`,
		`{"type":"ping","timestamp":-0.5e+3}`,
		`{"type":"subscribe:services","services":["a"],"layers":["b"],"statuses":["healthy"],"since":{"epoch":"e","seq":17}}`,
		`{"type":"service:health_check","service":"market_data_service","request_id":"1"}`,
		`{"type":"service:reset_circuit_breaker","service":"a","reason":"b","to":"closed","x":{"y":[1,null,true]}}`,
		`{"type":"ping","type":"pong"}`, `[]`, `{"type":{}}`, "{\"type\":\"\xed\xa0\x80\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := wire.DecodeClientMessage(in)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a message")
			}
			return
		}
		var want wire.ClientMessage
		if err := json.Unmarshal(in, &want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if string(want.Timestamp) == "null" {
			want.Timestamp = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if got.Timestamp != nil && !strings.Contains(string(in), string(got.Timestamp)) {
			t.Errorf("timestamp %s is not as it came", got.Timestamp)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeClientMessage(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func TestTime_IsToTheMillisecondOrNull(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`null`:                               `null`,
		`"2026-11-23T08:00:00Z"`:             `"2026-11-23T08:00:00.000Z"`,
		`"2026-11-23T09:00:00.123987+01:00"`: `"2026-11-23T08:00:00.123Z"`,
	} {
		var at wire.Time
		if err := json.Unmarshal([]byte(in), &at); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(at); err != nil || string(got) != want {
			t.Errorf("%s became %s, %v; want %s", in, got, err, want)
		}
	}
	if err := new(wire.Time).UnmarshalJSON([]byte(`"yesterday"`)); err == nil {
		t.Error("yesterday is no moment")
	}
}
