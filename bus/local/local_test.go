package local_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/degenduel/switchgear/bus/bustest"
	"github.com/degenduel/switchgear/bus/local"
	"github.com/degenduel/switchgear/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus_Laws(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bustest.Join {
		hub := local.New()
		return func() fleet.Bus { return hub.Join(nil) }
	})
}

func TestBus_LawsOfAHubThatIsCut(t *testing.T) {
	t.Parallel()
	bustest.RunFault(t, func(*testing.T) (bustest.Join, bustest.Fault) {
		hub := local.New()
		return func() fleet.Bus { return hub.Join(nil) }, bustest.Fault{Break: hub.Cut, Heal: hub.Heal}
	})
}
