package alert_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

func routes(field, op, value string) []fleet.Matcher {
	return []fleet.Matcher{{Field: field, Op: op, Value: value}}
}

func (r *rig) silence(m []fleet.Matcher, in, length time.Duration) fleet.Silence {
	r.t.Helper()
	s, err := r.Silence(r.ctx(), fleet.Silence{Matchers: m, Reason: "maintenance", StartsAt: time.Now().Add(in), EndsAt: time.Now().Add(in + length)}, alice)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func TestSilence_HoldsExactlyAsLongAsItSays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		s := r.silence(routes("service", "=", "db"), 0, 1234567*time.Millisecond)
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		for _, a := range r.Active() {
			if !slices.Equal(a.SilencedBy, []string{s.ID}) {
				t.Errorf("%s is silenced by %v, want %v", a.Kind, a.SilencedBy, s.ID)
			}
		}
		time.Sleep(time.Until(s.EndsAt) - time.Millisecond)
		wantReasons(t, r, "")
		time.Sleep(2 * time.Millisecond)
		wantReasons(t, r, "firing")
		if got := r.inbox.when(0); got.Before(s.EndsAt) || got.Sub(s.EndsAt) > time.Millisecond {
			t.Errorf("told at %v, want at the end, %v", got, s.EndsAt)
		}
		for _, a := range r.Active() {
			if len(a.SilencedBy) > 0 {
				t.Errorf("%s is still silenced", a.Kind)
			}
		}
	})
}

func TestCovers_CountsWhatASilenceWouldKeepBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("web")
		time.Sleep(time.Second)
		for _, want := range []int{0, 2} {
			for _, tt := range []struct {
				matchers []fleet.Matcher
				want     int
			}{
				{routes("service", "=", "db"), want},
				{routes("service", "=~", "d."), want},
				{routes("service", "=", "web"), 0},
				{append(routes("service", "=", "db"), routes("kind", "=", "circuit_state_change")...), want / 2},
			} {
				if got, err := r.Covers(tt.matchers); err != nil || got != tt.want {
					t.Errorf("%v: %d, %v, want %d", tt.matchers, got, err, tt.want)
				}
			}
			r.fail("db", 5)
			time.Sleep(time.Second)
		}
		if _, err := r.Covers(routes("service", "=~", "(")); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("of no expression: %v", err)
		}
	})
}

func TestSilence_OfWhatWasToldKeepsRepeatsBackAndSaysItAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		for _, length := range []time.Duration{5 * time.Hour, time.Hour} {
			before := r.inbox.reasons()
			s := r.silence(routes("kind", "=~", ".*"), 0, length)
			time.Sleep(time.Until(s.EndsAt) - time.Millisecond)
			wantReasons(t, r, before)
			time.Sleep(2 * time.Millisecond)
			wantReasons(t, r, before+",repeat")
		}
		if _, _, err := r.Acknowledge(t.Context(), r.Active()[0].ID, alice); err != nil {
			t.Fatal(err)
		}
		s := r.silence(routes("kind", "=~", ".*"), 0, time.Hour)
		time.Sleep(time.Until(s.EndsAt) + time.Second)
		wantReasons(t, r, "firing,repeat,repeat")
	})
}

func TestSilence_AMaintenanceWindowStartsLater(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		r.declare("web")
		s := r.silence(routes("service", "=", "db"), time.Hour, time.Hour)
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		wantReasons(t, r, "firing")
		r.heal("db")
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,resolved")
		time.Sleep(time.Until(s.StartsAt))
		r.fail("db", 5)
		r.kill()
		time.Sleep(30 * time.Minute)
		wantReasons(t, r, "firing,resolved")
		r.heal("db")
		r.fail("web", 5)
		time.Sleep(5 * time.Hour)
		wantReasons(t, r, "firing,resolved,firing,repeat")
		if got := r.inbox.messages()[2].Root; got != "web" {
			t.Errorf("told of %s, want web", got)
		}
	})
}

func TestSilence_EndedEarlyItIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		s := r.silence(routes("root", "!=", "web"), 0, time.Hour)
		later := r.silence(routes("root", "!=", "web"), time.Hour, time.Hour)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		wantReasons(t, r, "")
		for _, id := range []string{s.ID, later.ID} {
			if err := r.EndSilence(t.Context(), id, alice); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		wantReasons(t, r, "firing")
		if err := r.EndSilence(t.Context(), s.ID, alice); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("ended again: %v, want a conflict", err)
		}
		if err := r.EndSilence(t.Context(), "none", alice); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("ended one that is not there: %v", err)
		}
		time.Sleep(90 * time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestSilence_CoversOnlyWhatMatches(t *testing.T) {
	cases := []struct {
		field, op, value string
		covers           bool
	}{
		{"service", "=", "db-1", true},
		{"service", "=", "db", false},
		{"service", "!=", "db", true},
		{"service", "=~", "db", false},
		{"service", "=~", "db-[0-9]", true},
		{"service", "=~", "x|db-1", true},
		{"service", "=~", "d|1", false},
		{"service", "!~", "web|mail", true},
		{"service", "!~", "db.*", false},
		{"kind", "=", "circuit_state_change", true},
		{"severity", "=", "warning", false},
		{"layer", "=", "data", true},
		{"layer", "=", "", false},
		{"root", "=", "db-1", true},
		{"incident", "=", "none", false},
	}
	bubble(t, func(t *testing.T, r *rig) {
		def := reported()
		def.Layer = "data"
		r.declareAs("db-1", def)
		time.Sleep(time.Second)
		r.fail("db-1", 5)
		time.Sleep(10 * time.Second)
		for _, c := range cases {
			s := r.silence(routes(c.field, c.op, c.value), 0, time.Hour)
			time.Sleep(time.Second)
			for _, a := range r.Active() {
				if a.Kind == fleet.AlertCircuitStateChange && (len(a.SilencedBy) > 0) != c.covers {
					t.Errorf("%s %s %q covers it: %v, want %v", c.field, c.op, c.value, !c.covers, c.covers)
				}
			}
			if err := r.EndSilence(t.Context(), s.ID, alice); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestSilence_RefusesWhatIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		now := time.Now()
		many := slices.Repeat(routes("service", "=", "db"), 21)
		cases := map[string]struct {
			s     fleet.Silence
			field string
		}{
			"no matcher":    {fleet.Silence{Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers"},
			"many matchers": {fleet.Silence{Matchers: many, Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers"},
			"field":         {fleet.Silence{Matchers: routes("color", "=", "red"), Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers[0].field"},
			"op":            {fleet.Silence{Matchers: routes("service", "~", "red"), Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers[0].op"},
			"expression":    {fleet.Silence{Matchers: routes("service", "=~", "a)|(b"), Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers[0].value"},
			"long value":    {fleet.Silence{Matchers: routes("service", "=", strings.Repeat("x", 1025)), Reason: "x", EndsAt: now.Add(time.Hour)}, "matchers[0].value"},
			"no reason":     {fleet.Silence{Matchers: routes("service", "=", "db"), EndsAt: now.Add(time.Hour)}, "reason"},
			"long reason":   {fleet.Silence{Matchers: routes("service", "=", "db"), Reason: strings.Repeat("x", 1025), EndsAt: now.Add(time.Hour)}, "reason"},
			"no end":        {fleet.Silence{Matchers: routes("service", "=", "db"), Reason: "x"}, "ends_at"},
			"past":          {fleet.Silence{Matchers: routes("service", "=", "db"), Reason: "x", StartsAt: now.Add(-2 * time.Hour), EndsAt: now.Add(-time.Hour)}, "ends_at"},
			"backwards":     {fleet.Silence{Matchers: routes("service", "=", "db"), Reason: "x", StartsAt: now.Add(2 * time.Hour), EndsAt: now.Add(time.Hour)}, "ends_at"},
		}
		nobody := alice
		nobody.Reason = ""
		for name, c := range cases {
			_, err := r.Silence(t.Context(), c.s, nobody)
			fields := fleet.FieldsOf(err)
			if fleet.KindOf(err) != fleet.Invalid || len(fields) != 1 || fields[0].Field != c.field {
				t.Errorf("%s: %v, fields %v, want %s", name, err, fields, c.field)
			}
		}
		if got, err := r.Silences(t.Context()); err != nil || len(got) > 0 {
			t.Errorf("%d silences, %v", len(got), err)
		}
	})
}

func TestSilence_ThereAreAThousandAtMost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range 1000 {
			r.silence(routes("service", "=", fmt.Sprint("s-", i)), 0, time.Hour)
		}
		_, err := r.Silence(t.Context(), fleet.Silence{Matchers: routes("service", "=", "x"), Reason: "x", EndsAt: time.Now().Add(time.Hour)}, alice)
		if fleet.KindOf(err) != fleet.Exhausted {
			t.Fatalf("the 1 001st: %v, want exhausted", err)
		}
		time.Sleep(2 * time.Hour)
		r.silence(routes("service", "=", "x"), 0, time.Hour)
		r.restart()
		all, err := r.Silences(t.Context())
		if err != nil || len(all) < 1000 {
			t.Errorf("%d silences after a restart, %v", len(all), err)
		}
	})
}

func TestSilence_NeedsTheStore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		r.store.Fail(errors.New("away"))
		_, err := r.Silence(t.Context(), fleet.Silence{Matchers: routes("service", "=", "db"), Reason: "x", EndsAt: time.Now().Add(time.Hour)}, alice)
		if fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("silence: %v, want unavailable", err)
		}
		if _, _, err := r.Acknowledge(t.Context(), r.Active()[0].ID, alice); fleet.KindOf(err) != fleet.Unavailable {
			t.Errorf("acknowledge: %v, want unavailable", err)
		}
		time.Sleep(10 * time.Second)
		wantReasons(t, r, "firing") // alerts go on without it
		r.store.Fail(nil)
		time.Sleep(10 * time.Second)
		r.kill()
		time.Sleep(time.Hour)
		wantReasons(t, r, "firing")
		if a := r.Active()[0]; a.AcknowledgedBy != "" || len(a.SilencedBy) > 0 {
			t.Errorf("what was refused came into force: %+v", a)
		}
	})
}

func TestSilence_ByLayerHoldsOverARestartOfServicesThatComeBackLate(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		def := reported()
		def.Layer = "data"
		file := map[string]config.Service{"db": def}
		if err := r.manager.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s := r.silence(routes("layer", "=", "data"), 0, time.Hour)
		r.fail("db", 5)
		time.Sleep(time.Minute)
		r.kill()
		time.Sleep(20 * time.Second)
		if err := r.manager.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(s.EndsAt) - time.Millisecond)
		wantReasons(t, r, "")
		time.Sleep(2 * time.Millisecond)
		wantReasons(t, r, "firing")
		s = r.silence(routes("layer", "=", "data"), 0, 20*time.Second)
		time.Sleep(time.Second)
		r.kill()
		time.Sleep(time.Until(s.EndsAt) + 10*time.Second)
		wantReasons(t, r, "firing") // nobody knows of which layer it is
		if err := r.manager.ApplyFile(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		wantReasons(t, r, "firing,repeat")
	})
}
