package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestWhen_IsSeenFromNow(t *testing.T) {
	t.Parallel()
	p := process{now: func() time.Time { return fakeNow }}
	for d, want := range map[time.Duration]string{
		0:                                  "now (08:00:00Z)",
		400 * time.Millisecond:             "now (08:00:00Z)",
		-23 * time.Second:                  "23s ago (07:59:37Z)",
		90 * time.Second:                   "in 1m30s (08:01:30Z)",
		2 * time.Hour:                      "in 2h (10:00:00Z)",
		2*time.Hour + 5*time.Minute + 9e9:  "in 2h5m (10:05:09Z)",
		-76 * time.Hour:                    "3d4h ago (2026-11-20 04:00:00Z)",
		48*time.Hour + 30*time.Minute + 20: "in 2d (2026-11-25 08:30:00Z)",
	} {
		if got := p.when(fakeNow.Add(d).In(time.FixedZone("", -7*3600))); got != want {
			t.Errorf("%v from now is %q, want %q", d, got, want)
		}
	}
	if got := p.when(time.Time{}); got != none {
		t.Errorf("no moment is %q", got)
	}
}

func TestMs_TellsWhatMatters(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: none, 0.0421: "0.04ms", 1.849: "1.85ms", 21.7: "22ms", 9999: "9999ms", 12_345: "12.3s",
	} {
		if got := ms(v); got != want {
			t.Errorf("ms(%v) is %q, want %q", v, got, want)
		}
	}
}

func TestPlain_CannotMoveTheCursor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\x1b[2Jb":           "a\ufffd[2Jb",
		"a\tb\nc\rd":          "a b c\ufffdd",
		"\u202eevil\u2069":    "\ufffdevil\ufffd",
		"Größe 5 … 7, 日本語, 🚦": "Größe 5 … 7, 日本語, 🚦",
		"c1 \u009b31m":        "c1 \ufffd31m",
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestPlain_LeavesNothingThatReordersALine(t *testing.T) {
	t.Parallel()
	for _, r := range []rune{0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x7f, 0x9b} {
		text := "a" + string(r) + "b"
		if got := plain(text); got != "a\ufffdb" {
			t.Errorf("U+%04X is printed in %q", r, got)
		}
		var out strings.Builder
		p := &process{stdout: &out}
		if err := p.printLine(map[string]string{"text": text}); err != nil {
			t.Fatal(err)
		}
		var read map[string]string
		if err := json.Unmarshal([]byte(out.String()), &read); err != nil || read["text"] != text || strings.ContainsRune(out.String(), r) {
			t.Errorf("U+%04X is printed as JSON in %q, %v", r, out.String(), err)
		}
	}
}

func TestCollect_ReadsNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	all := make([]int, 1200)
	for i := range all {
		all[i] = i
	}
	for limit, want := range map[int][]int{
		0:    {500, 500, 500},
		1:    {1},
		500:  {500},
		501:  {500, 1},
		9000: {500, 500, 500},
	} {
		var asked []int
		items, next, err := collect(limit, func(page client.Page) ([]int, *string, error) {
			asked = append(asked, page.Limit)
			from := 500 * len(page.Cursor)
			if from+page.Limit >= len(all) {
				return all[from:], nil, nil
			}
			return all[from : from+page.Limit], new(page.Cursor + "x"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("limit %d: pages asked for (-want +got):\n%s", limit, diff)
		}
		if n := len(items); limit > 0 && n != min(limit, len(all)) || limit == 0 && n != len(all) {
			t.Errorf("limit %d: %d items", limit, n)
		}
		if ended := len(items) == len(all); ended != (next == nil) {
			t.Errorf("limit %d: next is %v after %d items", limit, next, len(items))
		}
	}
}

func TestBecause_SaysWhyInWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, kind, to, reason, evidence, want string }{
		{
			"opening", "transition", "open", "", `{"rule":"failure_threshold","failures":3,"successes":12,"last_error":"status 500"}`,
			"failure threshold: 3 failed, 12 succeeded; status 500",
		},
		{
			"closing, with an old error", "transition", "closed", "",
			`{"rule":"min_healthy_period","failures":0,"successes":6,"last_error":"status 500"}`,
			"min healthy period: 0 failed, 6 succeeded",
		},
		{
			"recovery, with an old error", "transition", "half_open", "",
			`{"rule":"reset_timeout","failures":3,"successes":0,"last_error":"status 500"}`, "reset timeout: 3 failed, 0 succeeded",
		},
		{
			"by operations in flight", "transition", "open", "", `{"rule":"slow_calls","successes":3,"slow":4,"in_flight":5}`,
			"slow calls: 4 of 3 that ended, 5 in flight",
		},
		{"by order", "transition", "closed", "mended", `{"rule":"reset"}`, "mended; reset: 0 failed, 0 succeeded"},
		{"health failed", "health_failed", "", "refused", `{"healthy":false,"duration_ms":3,"error":"refused"}`, "refused"},
		{"health recovered", "health_recovered", "", "", `{"healthy":true,"duration_ms":0.353,"error":null}`, "the check took 0.35ms"},
		{"config changed", "config_changed", "", "", `{"previous_version":1,"version":2}`, none},
		{"config changed with a reason", "config_changed", "", "a herd", `{"previous_version":1,"version":2}`, "a herd"},
		{
			"config warning", "config_warning", "", "too eager", `{"failures":5,"settings":{"minimumOperations":20,"failureRateThreshold":0.5}}`,
			"too eager; better: failureRateThreshold=0.5 minimumOperations=20",
		},
		{"override", "override", "forced_open", "moving", `{"expires_at":"2026-11-23T09:00:00.000Z"}`, "moving; until 2026-11-23 09:00:00Z"},
		{"registered", "registered", "", "", `{"source":"api","config_version":1}`, "over the API"},
		{"registered with a reason", "registered", "", "the config file", `{"source":"file"}`, "the config file"},
		{"removed", "removed", "", "", "null", none},
		{"of a newer manager", "merged", "", "", `{"with":["a"]}`, none},
		{"of another shape", "transition", "open", "", `["a"]`, none},
	} {
		e := wire.Event{Kind: tc.kind, Evidence: json.RawMessage(tc.evidence), Durable: true}
		if tc.reason != "" {
			e.Reason = &tc.reason
		}
		if tc.to != "" {
			e.To = &tc.to
		}
		if got := because(&e); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
