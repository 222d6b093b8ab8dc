package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/wire"
)

// agentMessages is one of each.
var agentMessages = []string{
	`{"type":"agent:hello","instance":"0123456789abcdef","boot":"fedcba9876543210","name":"host-1","program":"shop v1","library":"go v1","started_at":"2026-11-23T08:00:00.000Z"}`,
	`{"type":"agent:join","id":1,"services":[{"service":"prices","layer":"data","description":"d","dependencies":["tokens"],"config":{"failureThreshold":2},"has_check":true,"fresh":true,"state":{"service":"prices","circuit_breaker":{"state":"closed","mode":"auto"}}}]}`,
	`{"type":"agent:leave","id":2,"services":["prices"]}`,
	`{"type":"agent:report","id":3,"services":[{"service":"prices","config_version":1,"running":true,"successes":3,"slow":1,"circuit_breaker":{"state":"open","mode":"auto","failures":5,"trip":{"rule":"failure_threshold","failures":5,"successes":3,"last_error":"down","event_id":null},"outage":{"began_at":"2026-11-23T08:00:00Z","rule":"failure_threshold","failures":5,"successes":3,"last_error":null,"event_id":null,"openings":1},"override":null},"retry_after_ms":1000.5,"open_ms":30000,"operations":{"total":8,"successful":3,"failed":5,"rejected":1,"ignored":0},"performance":{"averageOperationTimeMs":1.5},"health":{"healthy":true,"checked_at":"2026-11-23T08:00:00Z","duration_ms":1,"error":null,"consecutive_failures":0},"durations":{"sum_ms":12.5,"counts":[[0,7],[14,1]]}}]}`,
	`{"type":"agent:transitions","id":4,"service":"prices","transitions":[{"number":7,"from":"closed","to":"open","at":"2026-11-23T08:00:00Z","actor":"","reason":"","evidence":{"rule":"failure_threshold"}},{"number":8,"from":"open","to":"half_open","at":"2026-11-23T08:00:01Z","evidence":null}],"state":{"service":"prices"}}`,
	`{"type":"agent:heartbeat"}`,
	`{"type":"agent:result","order":1,"service":"prices","error":{"code":4004,"message":"no","errors":[{"field":"a","message":"b"}]},"state":{"service":"prices"}}`,
	`{"type":"agent:bye","more":[{"of":null}]}`,
}

func TestDecodeAgentMessage_TakesEachMessage(t *testing.T) {
	t.Parallel()
	for i, text := range agentMessages {
		m, err := wire.DecodeAgentMessage([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		// The type may stand anywhere.
		last := "{" + strings.Replace(text[1:len(text)-1]+","+text[1:strings.Index(text+",", ",")], text[1:strings.Index(text+",", ",")]+",", "", 1) + "}"
		if i != 5 { // which has nothing else
			again, err := wire.DecodeAgentMessage([]byte(last))
			if err != nil {
				t.Errorf("%s: %v", last, err)
			}
			if diff := cmp.Diff(m, again); diff != "" {
				t.Errorf("%s (-first +last)\n%s", last, diff)
			}
		}
	}
}

func TestDecodeAgentMessage_NamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	services := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{},`, n), ",") }
	for _, tt := range []struct {
		in, error string
		id        uint64
	}{
		{``, "end", 0},
		{`[]`, "object", 0},
		{`{"type":"agent:report","id":7,"services":[]`, "end", 0},
		{"{\"type\":\"agent:bye\",\"x\":\"\xff\"}", "UTF-8", 0},
		{`{}`, "type: is required", 0},
		{`{"type":7}`, "type: must be a string", 0},
		{`{"type":"agent:welcome"}`, `"agent:welcome" is not a message`, 0},
		{`{"type":"ping"}`, `"ping" is not a message`, 0},
		{`{"type":"agent:bye","type":"agent:hello"}`, "twice", 0},
		{`{"type":"agent:report","services":[]}`, "id: must be 1 or more", 0},
		{`{"type":"agent:report","id":-1,"services":[]}`, "id: is out of range", 0},
		{`{"type":"agent:report","id":7,"services":[{"running":"yes"}]}`, "services[0].running: must be true or false", 7},
		{`{"type":"agent:report","id":7,"services":[{"operations":{"total":-1}}]}`, "services[0].operations.total: is out of range", 7},
		{`{"type":"agent:report","id":7,"services":[{"circuit_breaker":{"last_failure":"noon"}}]}`, "services[0].circuit_breaker.last_failure: must be a time", 7},
		{`{"type":"agent:report","id":7,"services":[{"durations":{"counts":[[1]]}}]}`, "services[0].durations.counts[0]: must have 2", 7},
		{`{"type":"agent:report","id":7,"services":[{"Running":true}]}`, "services[0].Running: wrong case", 7},
		{`{"type":"agent:report","id":7,"services":[` + services(101) + `]}`, "services: 101 are not 0 to 100", 7},
		{`{"type":"agent:join","id":7,"services":[` + services(101) + `]}`, "services: 101", 7},
		{`{"type":"agent:hello","instance":"short","boot":"fedcba9876543210"}`, "instance: must match", 0},
		{`{"type":"agent:hello","instance":"0123456789abcdef"}`, "boot: must match", 0},
		{`{"type":"agent:hello","instance":"0123456789abcdef","boot":"fedcba9876543210","name":"` + strings.Repeat("n", 129) + `"}`, "name: 129 bytes", 0},
		{`{"type":"agent:hello","instance":"0123456789abcdef","boot":"fedcba9876543210","program":"a\u0007"}`, "program: it has a control", 0},
		{`{"type":"agent:transitions","id":7,"transitions":[{"number":1}]}`, "service: is required", 7},
		{`{"type":"agent:transitions","id":7,"service":"a","transitions":[]}`, "transitions: 0 are not 1 to 256", 7},
		{`{"type":"agent:transitions","id":7,"service":"a","transitions":[{"number":0}]}`, "transitions[0].number", 7},
		{`{"type":"agent:transitions","id":7,"service":"a","transitions":[{"number":2},{"number":2}]}`, "transitions[1].number: 2 does not follow", 7},
		{`{"type":"agent:result","service":"a"}`, "order: is required", 0},
	} {
		got, err := wire.DecodeAgentMessage([]byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.error) {
			t.Errorf("%.200s: error %v, want one with %q", tt.in, err, tt.error)
		}
		if got.Body != nil || got.ID != tt.id {
			t.Errorf("%.200s: %+v beside the error, want the ID %d and no body", tt.in, got, tt.id)
		}
	}
}

// FuzzDecodeAgentMessage holds that what is taken is a message that encoding/json
// reads alike, and is taken again, the same, as written of it.
func FuzzDecodeAgentMessage(f *testing.F) {
	for _, seed := range agentMessages {
		f.Add([]byte(seed))
	}
	for _, seed := range []string{
		`[]`, `{"type":"agent:bye"`, `{"type":"agent:bye","type":"agent:bye"}`, ` {"id":1,"type":"agent:leave"}`,
		`{"type":"agent:report","id":1,"services":null}`, `{"type":"agent:report","id":18446744073709551615,"services":[{"open_ms":-1e308}]}`,
		`{"type":"agent:report","id":1,"services":[{"durations":{"counts":[[0,0,0]]}}]}`, "{\"type\":\"agent:bye\xed\xa0\x80\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := wire.DecodeAgentMessage(in)
		if err != nil {
			if got.Body != nil || err.Error() == "" {
				t.Errorf("%+v beside the error %q", got, err)
			}
			return
		}
		again, err := json.Marshal(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		second, err := wire.DecodeAgentMessage(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		twice, err := json.Marshal(second.Body)
		if err != nil {
			t.Fatal(err)
		}
		if second.Type != got.Type || second.ID != got.ID || string(again) != string(twice) {
			t.Errorf("%s became %s", again, twice)
		}
	})
}
