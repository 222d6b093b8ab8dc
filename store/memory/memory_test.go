package memory_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore_HoldsTheLaws(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) fleet.Store { return memory.New() })
}

func TestStore_FailsUntilItIsMended(t *testing.T) {
	t.Parallel()
	s := memory.New()
	away := errors.New("away")
	s.Fail(away)
	err := s.Commit(t.Context(), &fleet.Batch{Audit: []fleet.AuditEntry{{Action: "look"}}})
	if fleet.KindOf(err) != fleet.Unavailable || !errors.Is(err, away) {
		t.Errorf("Commit = %v", err)
	}
	s.Fail(nil)
	if err := s.Commit(t.Context(), &fleet.Batch{Audit: []fleet.AuditEntry{{Action: "reset"}}}); err != nil {
		t.Errorf("Commit = %v", err)
	}
	if got := s.AuditLog(); len(got) != 1 || got[0].Action != "reset" || got[0].ID != 1 {
		t.Errorf("Audit = %+v", got)
	}
}
