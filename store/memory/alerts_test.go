package memory_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_HoldsTheLawsOfAlerts(t *testing.T) {
	t.Parallel()
	storetest.RunAlerts(t, func(*testing.T) fleet.Store { return memory.New() })
}
