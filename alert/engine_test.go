package alert_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/fleet"
)

func TestEngine_TellsAnOpenCircuitOnceAndItsEndOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		opened := time.Now()
		r.fail("db", 5)
		time.Sleep(6 * time.Second)
		wantReasons(t, r, "firing")
		m := r.inbox.messages()[0]
		if at := r.inbox.when(0).Sub(opened); at < 5*time.Second || at > 5100*time.Millisecond {
			t.Errorf("told after %v, want 5 s", at)
		}
		if m.Root != "db" || m.Incident != m.Alerts[len(m.Alerts)-1].Incident || m.Link != "https://sg.example" || m.ID == "" {
			t.Errorf("the message is %+v", m)
		}
		a := m.Alerts[0]
		if a.Kind != fleet.AlertCircuitStateChange || a.Severity != fleet.SeverityCritical || !a.StartsAt.Equal(opened) || a.ToldAt.IsZero() {
			t.Errorf("the alert is %+v", a)
		}
		if want := "db is open since 00:00 UTC: 5 failures in 300 s (connection refused)"; a.Summary != want {
			t.Errorf("summary %q, want %q", a.Summary, want)
		}
		time.Sleep(time.Minute)
		closed := time.Now()
		r.heal("db")
		time.Sleep(29 * time.Second)
		wantReasons(t, r, "firing")
		time.Sleep(2 * time.Second)
		wantReasons(t, r, "firing,resolved")
		if at := r.inbox.when(1).Sub(closed); at < 30*time.Second || at > 31100*time.Millisecond {
			t.Errorf("resolved after %v, want 30 s", at)
		}
		for _, a := range r.inbox.messages()[1].Alerts {
			if a.Firing() {
				t.Errorf("%s fires in the message that it is over", a.Kind)
			}
		}
		time.Sleep(24 * time.Hour)
		wantReasons(t, r, "firing,resolved")
		if got := r.active(); len(got) > 0 {
			t.Errorf("%v fire", got)
		}
	})
}

func TestEngine_OneMessageForARootWithItsDependants(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		users := []string{"a", "b", "c", "d"}
		r.declare("db")
		for _, u := range users {
			r.declare(u, "db")
		}
		time.Sleep(time.Second)
		for _, s := range []string{"a", "b", "db", "c", "d"} {
			r.fail(s, 5)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
		m := r.inbox.messages()[0]
		if m.Root != "db" || m.Alerts[0].Service != "db" {
			t.Errorf("root %q, first %q, want db", m.Root, m.Alerts[0].Service)
		}
		if diff := cmp.Diff(users, m.Alerts[0].Affects); diff != "" {
			t.Error("affects (-want +got):", diff)
		}
		for _, s := range append(users, "db") {
			r.heal(s)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,resolved")
	})
}

func TestEngine_TellsNothingThatIsOverBeforeItWasTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := r.cfg
		cfg.ResolveAfter = time.Second
		if err := r.Configure(cfg); err != nil {
			t.Fatal(err)
		}
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		if got := r.active(); len(got) == 0 {
			t.Fatal("nothing fires")
		}
		r.heal("db")
		time.Sleep(time.Hour)
		wantReasons(t, r, "")
		all, err := r.Alerts(t.Context(), fleet.AlertQuery{Limit: 10})
		if err != nil || len(all) == 0 || all[0].Firing() {
			t.Errorf("history %+v, %v", all, err)
		}
	})
}

func TestEngine_RepeatsUntilAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(9 * time.Hour)
		wantReasons(t, r, "firing,repeat,repeat")
		a, _, err := r.Acknowledge(t.Context(), r.Active()[0].ID, alice)
		if err != nil || a.AcknowledgedBy != "alice" || a.AcknowledgedAt.IsZero() {
			t.Fatalf("acknowledged: %+v, %v", a, err)
		}
		for _, a := range r.Active() {
			if a.AcknowledgedBy != "alice" {
				t.Errorf("%s of the same incident is not acknowledged", a.Kind)
			}
		}
		time.Sleep(5 * time.Hour)
		wantReasons(t, r, "firing,repeat,repeat")
		r.heal("db")
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing,repeat,repeat,resolved")
	})
}

func TestEngine_AGraverAlertIsToldAlsoWhenAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 3)
		time.Sleep(10 * time.Second)
		wantReasons(t, r, "firing")
		if _, _, err := r.Acknowledge(t.Context(), r.Active()[0].ID, alice); err != nil {
			t.Fatal(err)
		}
		r.fail("db", 2)
		time.Sleep(time.Second)
		wantReasons(t, r, "firing,escalated")
		time.Sleep(5 * time.Hour)
		wantReasons(t, r, "firing,escalated,repeat")
	})
}

func TestEngine_AFlappingServiceIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		for range 100 {
			r.fail("db", 5)
			time.Sleep(3 * time.Second)
			r.heal("db")
			time.Sleep(4 * time.Second)
		}
		for range 10 {
			r.fail("db", 5)
			time.Sleep(3 * time.Second)
			r.heal("db")
			time.Sleep(2 * time.Minute)
		}
		wantReasons(t, r, "firing")
		if diff := cmp.Diff([]string{"db/circuit_state_change", "db/flapping"}, onlyOf(r.active(), "db/circuit_state_change", "db/flapping")); diff != "" {
			t.Error("active (-want +got):", diff)
		}
		time.Sleep(time.Hour)
		wantReasons(t, r, "firing,resolved")
	})
}

func TestEngine_KeepsAlertsOverRestarts(t *testing.T) {
	for name, again := range map[string]func(*rig){"stop": (*rig).restart, "kill": (*rig).kill} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.declare("db")
				r.declare("web", "db")
				time.Sleep(time.Second)
				r.fail("db", 5)
				r.fail("web", 5)
				time.Sleep(3 * time.Second)
				again(r) // before it was told
				time.Sleep(time.Minute)
				wantReasons(t, r, "firing")
				before := r.Active()
				again(r)
				time.Sleep(time.Hour)
				wantReasons(t, r, "firing")
				if got := r.Active(); len(got) != len(before) || got[0].ID != before[0].ID || got[0].Incident != before[0].Incident {
					t.Errorf("active %v, want %v", got, before)
				}
				r.heal("db")
				r.heal("web")
				time.Sleep(10 * time.Second)
				again(r)
				time.Sleep(time.Minute)
				wantReasons(t, r, "firing,resolved")
				again(r)
				time.Sleep(time.Hour)
				wantReasons(t, r, "firing,resolved")
			})
		})
	}
}

func onlyOf(all []string, some ...string) (out []string) {
	for _, a := range all {
		for _, s := range some {
			if a == s {
				out = append(out, a)
			}
		}
	}
	return out
}

var _ alert.Receiver = (*inbox)(nil)

func TestEngine_AReceiverThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		hung := &stuck{}
		r.configure(func(cfg *rigConfig) {
			cfg.Receivers = append(cfg.Receivers, alert.Target{Name: "hung", Kind: "webhook", Receiver: hung})
		})
		for _, name := range []string{"a", "b", "c"} {
			r.declare(name)
			time.Sleep(time.Second)
			r.fail(name, 5)
			time.Sleep(time.Minute)
			began := time.Now()
			r.heal(name)
			if d := time.Since(began); d > time.Second {
				t.Errorf("an order took %v", d)
			}
			time.Sleep(time.Minute)
		}
		wantReasons(t, r, "firing,resolved,firing,resolved,firing,resolved")
		r.fail("a", 5)
		time.Sleep(10 * time.Second)
		began := time.Now()
		r.stop()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("the end took %v, want some seconds", d)
		}
	})
}

// stuck is a receiver that never answers.
type stuck struct{}

func (*stuck) Send(ctx context.Context, _ alert.Message) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestEngine_CountsWhatFires(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("a")
		r.declare("b")
		time.Sleep(time.Second)
		r.silence(routes("service", "=", "a"), 0, time.Hour)
		r.fail("a", 5)
		r.fail("b", 3)
		time.Sleep(10 * time.Second)
		want := alert.Stats{
			Firing: []alert.FiringCount{
				{Kind: fleet.AlertCircuitStateChange, Severity: fleet.SeverityCritical, Count: 1},
				{Kind: fleet.AlertConsecutiveFailures, Severity: fleet.SeverityWarning, Count: 2},
			},
			Incidents: 2, Silences: 1, Receivers: r.Receivers(),
		}
		if diff := cmp.Diff(want, r.Stats()); diff != "" {
			t.Error("stats (-want +got):", diff)
		}
		if got := want.Receivers[0]; got.Name != "ops" || got.Delivered != 1 {
			t.Errorf("the receiver is %+v", got)
		}
	})
}

func TestEngine_ListsAlerts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, name := range []string{"a", "b"} {
			r.declare(name)
			time.Sleep(time.Second)
			r.fail(name, 5)
			time.Sleep(time.Second)
		}
		r.heal("a")
		time.Sleep(time.Minute)
		list := func(q fleet.AlertQuery) (out []string) {
			q.Limit = 100
			all, err := r.Alerts(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				out = append(out, a.Service+"/"+string(a.Kind))
			}
			return out
		}
		firing := []string{"b/circuit_state_change", "b/consecutive_failures"}
		over := []string{"a/circuit_state_change", "a/consecutive_failures"}
		for name, c := range map[string]struct {
			q    fleet.AlertQuery
			want []string
		}{
			"all":             {fleet.AlertQuery{}, append(slices.Clone(firing), over...)},
			"firing":          {fleet.AlertQuery{Status: fleet.FiringAlerts}, firing},
			"firing of b":     {fleet.AlertQuery{Status: fleet.FiringAlerts, Service: "b"}, firing},
			"firing of a":     {fleet.AlertQuery{Status: fleet.FiringAlerts, Service: "a"}, nil},
			"firing before":   {fleet.AlertQuery{Status: fleet.FiringAlerts, Before: r.Active()[0].ID}, firing[:1]},
			"of the incident": {fleet.AlertQuery{Status: fleet.FiringAlerts, Incident: r.Active()[0].Incident}, firing},
			"over":            {fleet.AlertQuery{Status: fleet.ResolvedAlerts}, over},
		} {
			got := list(c.q)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
		for _, limit := range []int{0, 1001} {
			if _, err := r.Alerts(t.Context(), fleet.AlertQuery{Status: fleet.FiringAlerts, Limit: limit}); fleet.KindOf(err) != fleet.Invalid {
				t.Errorf("limit %d: %v, want invalid", limit, err)
			}
		}
		ended, err := r.Alerts(t.Context(), fleet.AlertQuery{Status: fleet.ResolvedAlerts, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Acknowledge(t.Context(), ended[0].ID, alice); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("acknowledged what is over: %v", err)
		}
		if _, _, err := r.Acknowledge(t.Context(), "none", alice); fleet.KindOf(err) != fleet.NotFound {
			t.Errorf("acknowledged what is not there: %v", err)
		}
		if a, err := r.Alert(t.Context(), ended[0].ID); err != nil || a.Firing() {
			t.Errorf("one that is over: %+v, %v", a, err)
		}
		r.store.Fail(errGone)
		if a, err := r.Alert(t.Context(), r.Active()[0].ID); err != nil || !a.Firing() {
			t.Errorf("one that fires, without the store: %+v, %v", a, err)
		}
		r.store.Fail(nil)
	})
}
