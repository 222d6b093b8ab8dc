package fleet_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
)

// audited are what the audit log has since an entry: actions with their details,
// the oldest first.
func audited(store *memory.Store, since int) (lines []string) {
	for _, e := range store.AuditLog()[since:] {
		line := e.Action
		if e.Details != nil {
			line += " " + string(e.Details)
		}
		lines = append(lines, line)
	}
	return lines
}

func edited(threshold string) func(json.RawMessage) (json.RawMessage, error) {
	return func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"failureThreshold":` + threshold + `}`), nil
	}
}

func TestAudit_DetailsTellWhatWasOrdered(t *testing.T) {
	bubble(t, "of a circuit", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		for _, order := range []func() error{
			func() error {
				_, err := b.Override(t.Context(), "web", switchgear.ForcedOpen, time.Hour, operator)
				return err
			},
			func() error {
				_, err := b.Override(t.Context(), "web", switchgear.ForcedClosed, time.Minute, operator)
				return err
			},
			func() error { _, err := b.EndOverride(t.Context(), "web", operator); return err },
			func() error { _, err := b.Reset(t.Context(), "web", switchgear.HalfOpen, operator); return err },
			func() error { _, err := b.Reset(t.Context(), "web", switchgear.Closed, operator); return err },
		} {
			if err := order(); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			`register`,
			`override {"expires_at":"2000-01-01T01:00:00.000Z","mode":"forced_open","previous_mode":"auto"}`,
			`override {"expires_at":"2000-01-01T00:01:00.000Z","mode":"forced_closed","previous_mode":"forced_open"}`,
			`end override {"expires_at":"2000-01-01T00:01:00.000Z","mode":"forced_closed"}`,
			`reset {"from":"closed","to":"half_open"}`,
			`reset {"from":"half_open","to":"closed"}`,
		}
		if diff := cmp.Diff(want, audited(store, 0)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	bubble(t, "of a config", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		b.declare(t, "web", config.Service{})
		file := map[string]config.Service{"job": {Config: switchgear.Config{FailureThreshold: 2}}}
		for _, order := range []func() error{
			func() error { _, err := b.SetConfig(t.Context(), "web", 1, edited("3"), operator); return err },
			func() error { _, err := b.SetConfig(t.Context(), "web", 2, edited("3"), operator); return err }, // which changes nothing
			func() error { _, err := b.Rollback(t.Context(), "web", 2, 1, operator); return err },
			func() error {
				_, _, err := b.Declare(t.Context(), "web", config.Service{Config: switchgear.Config{FailureThreshold: 9}}, operator)
				return err
			},
			func() error { return b.ApplyFile(t.Context(), file) },
			func() error {
				file["job"] = config.Service{Config: switchgear.Config{FailureThreshold: 4}}
				return b.ApplyFile(t.Context(), file)
			},
		} {
			if err := order(); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			`register`,
			`config {"change":"edit","from_version":1,"to_version":2}`,
			`config {"change":"rollback","from_version":2,"rolled_back_to":1,"to_version":3}`,
			`config {"change":"declare","from_version":3,"to_version":4}`,
			`register`,
			`config {"change":"file","from_version":1,"to_version":2}`,
		}
		if diff := cmp.Diff(want, audited(store, 0)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
	bubble(t, "of a token", func(t *testing.T) {
		store := memory.New()
		b := start(t, store, &upstream{})
		limited, err := b.CreateToken(t.Context(), fleet.Token{
			Name: "ci", Role: "viewer", Hash: "aa", Services: []string{"web*", "job"}, ExpiresAt: time.Now().Add(time.Hour),
		}, operator)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.RevokeToken(t.Context(), limited.ID, operator); err != nil {
			t.Fatal(err)
		}
		free, err := b.CreateToken(t.Context(), fleet.Token{Name: "ops", Role: "operator", Hash: "bb"}, operator)
		if err != nil {
			t.Fatal(err)
		}
		of := func(tok fleet.Token, rest string) string { return strings.ReplaceAll(rest, "ID", tok.ID) }
		want := []string{
			of(limited, `create token {"expires_at":"2000-01-01T01:00:00.000Z","id":"ID","name":"ci","role":"viewer","services":"web*, job"}`),
			of(limited, `revoke token {"expires_at":"2000-01-01T01:00:00.000Z","id":"ID","name":"ci","role":"viewer","services":"web*, job"}`),
			of(free, `create token {"expires_at":null,"id":"ID","name":"ops","role":"operator","services":null}`),
		}
		if diff := cmp.Diff(want, audited(store, 0)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
