package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// TestManager_TrustsAHealthCheckAsFarAsWhoDeclaredIt follows one service whose
// check the file and somebody over the API declare by turns: what the file said
// is trusted, whoever says it, and nothing else is.
func TestManager_TrustsAHealthCheckAsFarAsWhoDeclaredIt(t *testing.T) {
	declared := func(port string) config.Service {
		s := probed(3)
		s.HealthCheck = &config.HealthCheck{TCP: &config.TCPCheck{Address: "127.0.0.1:" + port}, Timeout: time.Second}
		return s
	}
	run := func(t *testing.T, store fleet.Store) (m *fleet.Manager, made func() string, stop func()) {
		t.Helper()
		last := make(chan string, 100)
		m, err := fleet.New(t.Context(), fleet.Deps{
			Store: store,
			NewProbe: func(hc config.HealthCheck, by fleet.Source) (fleet.Probe, error) {
				last <- hc.TCP.Address[len("127.0.0.1:"):] + " by " + string(by)
				return &upstream{}, nil
			},
			AdmitCheck: func(hc config.HealthCheck) error {
				if hc.TCP.Address == "127.0.0.1:9" {
					return &fleet.Error{
						Kind: fleet.Invalid, Err: errors.New("only the file may"),
						Fields: []switchgear.FieldError{{Field: "healthCheck.tcp.address", Message: "only the file may"}},
					}
				}
				return nil
			},
		}, fleet.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		return m, func() string {
				select {
				case s := <-last:
					return s
				default:
					return ""
				}
			}, func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
	}
	bubble(t, "of one service", func(t *testing.T) {
		store := memory.New()
		m, made, stop := run(t, store)
		file := func(port string) {
			t.Helper()
			if err := m.ApplyFile(t.Context(), map[string]config.Service{"web": declared(port)}); err != nil {
				t.Fatal(err)
			}
		}
		api := func(port string) error {
			_, _, err := m.Declare(t.Context(), "web", declared(port), operator)
			return err
		}
		want := func(step, probe string) {
			t.Helper()
			if got := made(); got != probe {
				t.Errorf("%s: the probe made is %q, want %q", step, got, probe)
			}
		}
		if err := api("9"); fleet.KindOf(err) != fleet.Invalid || len(fleet.FieldsOf(err)) != 1 {
			t.Errorf("a check that is not admitted: %v", err)
		}
		if err := api("1"); err != nil {
			t.Fatal(err)
		}
		want("declared over the API", "1 by api")
		file("1")
		want("the file says the same", "1 by file")
		if err := api("2"); err != nil {
			t.Fatal(err)
		}
		want("the API says another", "2 by api")
		if err := api("9"); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("a check that is not admitted: %v", err)
		}
		stop()
		m, made, stop = run(t, store)
		defer stop()
		file("1")
		want("after a restart the API's stands", "2 by api")
		if err := api("1"); err != nil {
			t.Fatal(err)
		}
		want("the API says what the file said", "1 by file")
		file("9")
		want("the file may", "9 by file")
		if err := api("9"); err != nil {
			t.Errorf("what the file says is refused: %v", err)
		}
		want("nothing has changed", "")
	})
}
