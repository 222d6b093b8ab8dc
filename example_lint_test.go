package switchgear_test

import (
	"fmt"
	"time"

	"github.com/degenduel/switchgear"
)

// Lint finds what is legal and cannot work: here ten failures, one each half
// minute, never stand in a window of five minutes together.
func ExampleConfig_Lint() {
	cfg := switchgear.Config{FailureThreshold: 10}
	for _, w := range cfg.Lint(switchgear.Usage{FeedInterval: 30 * time.Second}) {
		fmt.Println(w.Field+":", w.Message)
	}
	cfg.MonitoringWindow = 10 * time.Minute
	fmt.Println(len(cfg.Lint(switchgear.Usage{FeedInterval: 30 * time.Second})), "warnings with a window twice as long")
	// Output:
	// failureThreshold: the circuit cannot open by it: at one outcome each 30 s, 10 failures do not arrive within 4 min 30 s, nine tenths of monitoringWindowMs
	// 0 warnings with a window twice as long
}
