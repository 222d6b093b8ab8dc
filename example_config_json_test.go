package switchgear_test

import (
	"encoding/json"
	"fmt"

	"github.com/degenduel/switchgear"
)

// A Config is read from JSON strictly: a config with a bad field is refused
// whole, and every bad field is named. What is absent keeps its value.
func ExampleConfig_UnmarshalJSON() {
	var cfg switchgear.Config
	err := json.Unmarshal([]byte(`{"failureThreshold": 3, "resetTimeoutMs": 30000, "jitter": 0}`), &cfg)
	fmt.Println(err, cfg.FailureThreshold, cfg.ResetTimeout, cfg.Resolved().Jitter)

	err = json.Unmarshal([]byte(`{"failureThreshold": 0, "resetTimeout": 5}`), &cfg)
	fmt.Println(err)
	fmt.Println(cfg.FailureThreshold, cfg.ResetTimeout)
	// Output:
	// <nil> 3 30s 0
	// switchgear: bad config: failureThreshold: 0 is not in 1 … 1000000; resetTimeout: no such field; did you mean resetTimeoutMs?
	// 3 30s
}
