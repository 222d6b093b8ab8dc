package alert_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// only is a config of rules in which one kind is on.
func only(kind fleet.AlertKind, rule config.AlertRule) config.AlertRules {
	rules := make(config.AlertRules)
	for _, k := range fleet.AlertKinds {
		rules[string(k)] = config.AlertRule{Enabled: new(false)}
	}
	rule.Enabled = new(true)
	rules[string(kind)] = rule
	return rules
}

func (r *rig) configure(change func(*rigConfig)) {
	r.t.Helper()
	change(&r.cfg)
	if err := r.Configure(r.cfg); err != nil {
		r.t.Fatal(err)
	}
}

// wantActive fails unless just these fire.
func wantActive(t *testing.T, r *rig, want ...string) {
	t.Helper()
	if got := r.active(); !slices.Equal(got, want) {
		t.Fatalf("%v: %q fire, want %q", time.Now(), got, want)
	}
}

func TestRules_EachFiresAndResolvesOnce(t *testing.T) {
	long := fleet.Outcome{Outcome: switchgear.Success, Duration: 3 * time.Second}
	short := fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond}
	cases := map[fleet.AlertKind]struct {
		def          func(*config.Service)
		bad          func(*rig)
		stillNothing time.Duration // after bad
		fires        time.Duration // after bad
		good         func(*rig)
		still        time.Duration // it fires, after good
		over         time.Duration // after good
		evidence     string        // a key
		summary      string
	}{
		fleet.AlertCircuitStateChange: {
			bad: func(r *rig) { r.fail("db", 5) }, fires: time.Second, good: func(r *rig) { r.heal("db") },
			still: 29 * time.Second, over: 32 * time.Second, evidence: "rule",
			summary: "db is open since 00:01 UTC: 5 failures in 300 s (connection refused)",
		},
		fleet.AlertConsecutiveFailures: {
			bad: func(r *rig) { r.fail("db", 3) }, fires: 3 * time.Second, good: func(r *rig) { r.report("db", 1, short) },
			still: 29 * time.Second, over: 33 * time.Second, evidence: "consecutive_failures",
			summary: "db fails since 00:01 UTC: 3 operations in a row failed (connection refused)",
		},
		fleet.AlertRecoveryFailure: {
			bad: func(r *rig) {
				r.fail("db", 5)
				for range 3 {
					time.Sleep(61 * time.Second)
					r.fail("db", 1)
				}
			},
			fires: time.Second, good: func(r *rig) { r.heal("db") },
			still: 29 * time.Second, over: 32 * time.Second, evidence: "failed_recoveries",
			summary: "db does not recover since 00:01 UTC: 3 attempts failed (connection refused)",
		},
		fleet.AlertPerformanceDegradation: {
			bad: func(r *rig) {
				for range 30 {
					r.report("db", 10, long)
					time.Sleep(time.Second)
				}
			},
			stillNothing: 25 * time.Second, fires: 35 * time.Second,
			good:  func(*rig) {}, // nobody uses it any more
			still: 40 * time.Second, over: 70 * time.Second, evidence: "p95_ms",
			summary: "db is slow since 00:01 UTC: 95 % of its operations take up to 3 s, and 2 s is too long",
		},
		fleet.AlertServiceUnknown: {
			def:          func(s *config.Service) { s.ReportInterval = time.Second },
			bad:          func(*rig) { time.Sleep(4 * time.Second) },
			stillNothing: 28 * time.Second, fires: 33 * time.Second,
			good: func(r *rig) {
				for range 50 {
					r.report("db", 1, short)
					time.Sleep(time.Second)
				}
			},
			over: 0, evidence: "silent", summary: "nothing is heard of db since 00:01 UTC",
		},
		fleet.AlertFlapping: {
			bad: func(r *rig) {
				for range 3 {
					r.fail("db", 5)
					r.heal("db")
					time.Sleep(10 * time.Second)
				}
			},
			fires: 0, good: func(*rig) {},
			still: 9*time.Minute + 30*time.Second, over: 9*time.Minute + 45*time.Second, evidence: "openings",
			summary: "db flaps: its circuit opened 3 times within 600 s",
		},
	}
	for kind, c := range cases {
		t.Run(string(kind), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.configure(func(cfg *rigConfig) { cfg.Rules = only(kind, config.AlertRule{}) })
				def := reported()
				if c.def != nil {
					c.def(&def)
				}
				r.declareAs("db", def)
				keepUp := c.def != nil
				for range 60 { // a minute, for the clock in the summaries
					time.Sleep(time.Second)
					if keepUp {
						r.report("db", 1, short)
					}
				}
				c.bad(r)
				time.Sleep(c.stillNothing)
				if c.stillNothing > 0 {
					wantActive(t, r)
				}
				time.Sleep(c.fires - c.stillNothing)
				wantActive(t, r, "db/"+string(kind))
				a := r.Active()[0]
				if a.Summary != c.summary {
					t.Errorf("summary %q, want %q", a.Summary, c.summary)
				}
				var evidence map[string]any
				if err := json.Unmarshal(a.Evidence, &evidence); err != nil || evidence[c.evidence] == nil {
					t.Errorf("evidence %s, want %q in it; %v", a.Evidence, c.evidence, err)
				}
				c.good(r)
				time.Sleep(c.still)
				if c.still > 0 {
					wantActive(t, r, "db/"+string(kind))
				}
				time.Sleep(c.over - c.still)
				wantActive(t, r)
				time.Sleep(time.Hour)
				all, err := r.Alerts(t.Context(), fleet.AlertQuery{Limit: 100})
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, o := range all {
					if o.Service == "db" && o.ID <= a.ID {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%d alerts until it was over, want 1: %+v", n, all)
				}
			})
		})
	}
}

func TestRules_HysteresisBeginsAnewWhenItIsBadAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.Rules = only(fleet.AlertCircuitStateChange, config.AlertRule{}) })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Second)
		id := r.Active()[0].ID
		for range 10 {
			r.heal("db")
			time.Sleep(25 * time.Second)
			r.fail("db", 5)
			time.Sleep(time.Second)
		}
		if got := r.Active(); len(got) != 1 || got[0].ID != id {
			t.Fatalf("active %+v, want the one from the beginning", got)
		}
		time.Sleep(time.Minute)
		wantReasons(t, r, "firing")
	})
}

func TestRules_WhatIsNeitherBadNorOverKeepsAnAlertFromEnding(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.Rules = only(fleet.AlertConsecutiveFailures, config.AlertRule{}) })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 3)
		time.Sleep(3 * time.Second)
		for range 4 {
			r.report("db", 1, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
			time.Sleep(20 * time.Second)
			r.fail("db", 1)
			time.Sleep(3 * time.Second)
			wantActive(t, r, "db/consecutive_failures")
		}
	})
}

func TestRules_NothingBeginsUnderAnOverride(t *testing.T) {
	for _, mode := range []switchgear.Mode{switchgear.ForcedOpen, switchgear.ForcedClosed} {
		t.Run(mode.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.configure(func(cfg *rigConfig) {
					cfg.Rules = only(fleet.AlertCircuitStateChange, config.AlertRule{For: new(time.Minute)})
				})
				r.declare("db")
				time.Sleep(time.Second)
				r.fail("db", 5)
				time.Sleep(10 * time.Second)
				if _, err := r.manager.Override(t.Context(), "db", mode, time.Hour, alice); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				wantActive(t, r)
			})
		})
	}
}

func TestRules_ForLetsShortOnesPass(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) {
			cfg.Rules = only(fleet.AlertCircuitStateChange, config.AlertRule{For: new(20 * time.Second)})
		})
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(15 * time.Second)
		r.heal("db")
		time.Sleep(time.Minute)
		if all, err := r.Alerts(t.Context(), fleet.AlertQuery{Limit: 10}); err != nil || len(all) > 0 {
			t.Fatalf("%+v, %v, want none", all, err)
		}
		began := time.Now()
		r.fail("db", 5)
		time.Sleep(19 * time.Second)
		wantActive(t, r)
		time.Sleep(1100 * time.Millisecond)
		wantActive(t, r, "db/circuit_state_change")
		if at := r.Active()[0].StartsAt; !at.Equal(began) {
			t.Errorf("it starts at %v, want %v: when the circuit opened", at, began)
		}
	})
}

func TestRules_AServiceHasItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		def := reported()
		def.Alerts = config.AlertRules{"consecutive_failures": {Threshold: 2, Severity: "info"}, "circuit_state_change": {Enabled: new(false)}}
		r.declareAs("own", def)
		r.declare("like-all")
		time.Sleep(time.Second)
		r.fail("own", 2)
		r.fail("like-all", 2)
		time.Sleep(3 * time.Second)
		wantActive(t, r, "own/consecutive_failures")
		if got := r.Active()[0].Severity; got != fleet.SeverityInfo {
			t.Errorf("severity %s, want info", got)
		}
		r.fail("own", 3)
		time.Sleep(3 * time.Second)
		wantActive(t, r, "own/consecutive_failures")
	})
}

func TestRules_ChangedOnesHoldAtTheNextLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 2)
		time.Sleep(10 * time.Second)
		wantActive(t, r)
		r.configure(func(cfg *rigConfig) { cfg.Rules = config.AlertRules{"consecutive_failures": {Threshold: 2}} })
		time.Sleep(time.Second)
		wantActive(t, r, "db/consecutive_failures")
		r.configure(func(cfg *rigConfig) {
			cfg.Rules["consecutive_failures"] = config.AlertRule{Threshold: 2, Severity: "critical"}
		})
		time.Sleep(time.Second)
		if got := r.Active()[0].Severity; got != fleet.SeverityCritical {
			t.Errorf("severity %s, want critical", got)
		}
		r.configure(func(cfg *rigConfig) { cfg.Rules = config.AlertRules{"consecutive_failures": {Enabled: new(false)}} })
		time.Sleep(time.Second)
		wantActive(t, r)
	})
}

func TestRules_AnOverrideFiresNothingAndEndsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("well")
		r.declare("open")
		time.Sleep(time.Second)
		r.fail("open", 5)
		time.Sleep(time.Second)
		for _, name := range []string{"well", "open"} {
			if _, err := r.manager.Override(t.Context(), name, switchgear.ForcedOpen, time.Hour, alice); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Minute)
		wantActive(t, r, "open/circuit_state_change", "open/consecutive_failures")
		for _, name := range []string{"well", "open"} {
			if _, err := r.manager.EndOverride(t.Context(), name, alice); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		wantActive(t, r, "open/circuit_state_change", "open/consecutive_failures")
		r.heal("open")
		time.Sleep(time.Minute)
		wantActive(t, r)
	})
}

func TestRules_ARemovedServiceHasNoAlerts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		if err := r.manager.Remove(t.Context(), "db", alice); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantActive(t, r)
		wantReasons(t, r, "firing,resolved")
		if got := r.inbox.messages()[1].Alerts[0].Summary; got != "db: over after 10 s: the service was removed" {
			t.Errorf("summary %q", got)
		}
		r.declare("db") // another one
		time.Sleep(time.Minute)
		wantActive(t, r)
	})
}

func TestEngine_EndsAlertsOfServicesThatDoNotComeBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		svc, err := switchgear.NewService("embedded", switchgear.ServiceConfig{Config: reported().Config})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.manager.Register(t.Context(), svc, config.Service{}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			svc.HandleError(errGone, time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		wantReasons(t, r, "firing")
		r.restart()
		time.Sleep(30 * time.Second)
		wantActive(t, r, "embedded/circuit_state_change", "embedded/consecutive_failures")
		time.Sleep(time.Minute)
		wantActive(t, r)
		wantReasons(t, r, "firing,resolved")
		_ = svc.Stop(context.Background())
	})
}

func TestEngine_KnowsThatAServiceFlappedBeforeARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.Rules = only(fleet.AlertFlapping, config.AlertRule{}) })
		r.declare("db")
		time.Sleep(time.Second)
		for range 2 {
			r.fail("db", 5)
			r.heal("db")
			time.Sleep(time.Second)
		}
		r.kill()
		wantActive(t, r)
		r.fail("db", 5)
		time.Sleep(time.Second)
		wantActive(t, r, "db/flapping")
		r.kill()
		time.Sleep(time.Minute)
		wantActive(t, r, "db/flapping")
		time.Sleep(10 * time.Minute)
		wantActive(t, r)
		if diff := cmp.Diff("firing,resolved", r.inbox.reasons()); diff != "" {
			t.Error("told (-want +got):", diff)
		}
	})
}
