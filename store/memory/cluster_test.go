package memory_test

import (
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/memory"
	"github.com/degenduel/switchgear/store/storetest"
)

func TestStore_HoldsTheLawsOfACluster(t *testing.T) {
	t.Parallel()
	storetest.RunCluster(t, func(*testing.T) fleet.ClusterStore { return memory.New() })
}
