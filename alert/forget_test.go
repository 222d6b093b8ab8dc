package alert_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/alert"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

func TestRules_FailuresOfAServiceThatNobodyUsesAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 3)
		time.Sleep(4*time.Minute + 50*time.Second) // its window is five minutes
		wantActive(t, r, "db/consecutive_failures")
		time.Sleep(time.Minute)
		wantActive(t, r)
		r.restart()
		time.Sleep(time.Hour)
		wantActive(t, r)
		wantReasons(t, r, "firing,resolved")
		if got := r.inbox.messages()[1].Alerts[0].Summary; !strings.HasSuffix(got, ": nobody uses it any more") {
			t.Errorf("summary %q", got)
		}
		r.fail("db", 1) // the fourth in a row
		time.Sleep(10 * time.Second)
		wantActive(t, r, "db/consecutive_failures")
	})
}

func TestRules_FailuresOfAnOpenCircuitAreNotForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.configure(func(cfg *rigConfig) { cfg.Rules = only(fleet.AlertConsecutiveFailures, config.AlertRule{}) })
		r.declare("db")
		time.Sleep(time.Second)
		r.fail("db", 5)
		time.Sleep(time.Hour)
		wantActive(t, r, "db/consecutive_failures")
	})
}

func TestRules_ARestartIsNoNewsOfAServiceThatIsSilent(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, time.Minute} {
		t.Run(interval.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				def := reported()
				def.ReportInterval = interval
				r.declareAs("db", def)
				time.Sleep(4*interval + time.Minute)
				r.restart()
				for range 10 * 60 {
					time.Sleep(time.Second)
					wantActive(t, r, "db/service_unknown")
				}
				wantReasons(t, r, "firing")
				for range 4 {
					r.report("db", 1, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
					time.Sleep(interval)
				}
				r.restart()
				for range 60 {
					r.report("db", 1, fleet.Outcome{Outcome: switchgear.Success, Duration: time.Millisecond})
					time.Sleep(time.Second)
				}
				wantActive(t, r)
				wantReasons(t, r, "firing,resolved")
			})
		})
	}
}

func TestRules_TimesInEvidenceHaveMilliseconds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		time.Sleep(time.Second + 123456789)
		r.declare("db")
		for range 3 {
			r.fail("db", 5)
			r.heal("db")
		}
		r.fail("db", 5)
		time.Sleep(10 * time.Second)
		n := 0
		check := func(text any) {
			n++
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", text.(string)); err != nil || len(text.(string)) != 24 {
				t.Errorf("%v has no milliseconds, %v", text, err)
			}
		}
		for _, a := range r.Active() {
			var seen map[string]any
			if err := json.Unmarshal(alert.Wire(&a, "").Evidence, &seen); err != nil {
				t.Fatal(err)
			}
			if at, ok := seen["began_at"]; ok {
				check(at)
			}
			if all, ok := seen["openings"].([]any); ok {
				for _, at := range all {
					check(at)
				}
			}
		}
		if n != 4 {
			t.Errorf("%d times in the evidence, want 4", n)
		}
	})
}

func TestRules_HealthChecksThatFailAreCalledSo(t *testing.T) {
	for _, operation := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			cfg := reported().Config
			cfg.HealthCheckInterval = 10 * time.Second
			svc, err := switchgear.NewService("db", switchgear.ServiceConfig{
				Config: cfg, Check: func(context.Context) error { return errDown }, CheckIsOperation: operation,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.manager.Register(t.Context(), svc, config.Service{}); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = svc.Stop(context.Background()) }()
			time.Sleep(35 * time.Second)
			wantActive(t, r, "db/consecutive_failures")
			a := r.Active()[0]
			if !strings.HasSuffix(a.Summary, ": 3 health checks in a row failed (503 Service Unavailable)") || !strings.Contains(string(a.Evidence), `"of":"health_checks"`) {
				t.Errorf("checks are operations: %v: %s, %s", operation, a.Summary, a.Evidence)
			}
			r.stop()
		})
	}
}
