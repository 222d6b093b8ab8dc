package fleet

import (
	"testing"
	"time"

	"github.com/degenduel/switchgear"
)

func TestSettled_KnowsAnOutageOfAnAgentThatDoesNot(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	trip := switchgear.Evidence{Rule: switchgear.RuleFailureThreshold, Failures: 3}
	said := &switchgear.Outage{BeganAt: opened.Add(-time.Hour), Openings: 2}
	for name, tt := range map[string]struct {
		state switchgear.Snapshot
		began time.Time // zero: there is none
	}{
		"open":                   {switchgear.Snapshot{State: switchgear.Open, Trip: &trip, OpenedAt: opened}, opened},
		"recovering":             {switchgear.Snapshot{State: switchgear.HalfOpen, Trip: &trip, OpenedAt: opened, FailedRecoveries: 1}, opened},
		"closed":                 {switchgear.Snapshot{Trip: &trip, OpenedAt: opened}, time.Time{}},
		"begun by an order":      {switchgear.Snapshot{State: switchgear.HalfOpen}, time.Time{}},
		"open, and it says more": {switchgear.Snapshot{State: switchgear.Open, Trip: &trip, OpenedAt: opened, Outage: said}, said.BeganAt},
	} {
		got := settled(InstanceState{Snapshot: tt.state}, "web", opened).Snapshot.Outage
		if (got == nil) != tt.began.IsZero() || got != nil && (!got.BeganAt.Equal(tt.began) || got.Openings != tt.state.FailedRecoveries+1 && tt.state.Outage == nil) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
