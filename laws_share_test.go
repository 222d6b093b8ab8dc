package switchgear

import (
	"math"
	"testing"
	"testing/synctest"
)

// TestLaw09_TheShareIsThatOfWhoeverAsks is of those who ask only after they have
// been let in: for the second request of a redirect, for the statement on a new
// connection.
func TestLaw09_TheShareIsThatOfWhoeverAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, share := range []float64{0.05, 0.2, 0.38, 0.5, 0.7} {
			b := recovering(t, Config{RecoverySteps: []float64{share}})
			succeed(b)
			do(b, nil) // the second's
			first, again := 0, 0
			for range 20_000 {
				if do(b, nil) {
					first++
					if do(b, nil) {
						again++
					}
				}
			}
			for what, got := range map[string]float64{"who asks": float64(first) / 20_000, "who asks again": float64(again) / float64(first)} {
				if lot := 3 * math.Sqrt(share*(1-share)/float64(first)); math.Abs(got-share) > lot {
					t.Errorf("at a share of %v %v of %s is admitted", share, got, what)
				}
			}
		}
	})
}
