package config

import (
	"encoding/json"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/internal/strict"
)

// breakerFields are the names of switchgear.Config's fields, so that one that
// is misspelt meets the strict decoder; what they hold is the Config's to read.
type breakerFields struct {
	Enabled                     json.RawMessage `json:"enabled,omitempty"`
	FailureThreshold            json.RawMessage `json:"failureThreshold,omitempty"`
	ResetTimeoutMs              json.RawMessage `json:"resetTimeoutMs,omitempty"`
	MinHealthyPeriodMs          json.RawMessage `json:"minHealthyPeriodMs,omitempty"`
	MonitoringWindowMs          json.RawMessage `json:"monitoringWindowMs,omitempty"`
	HealthCheckIntervalMs       json.RawMessage `json:"healthCheckIntervalMs,omitempty"`
	FailureRateThreshold        json.RawMessage `json:"failureRateThreshold,omitempty"`
	MinimumOperations           json.RawMessage `json:"minimumOperations,omitempty"`
	ConsecutiveFailureThreshold json.RawMessage `json:"consecutiveFailureThreshold,omitempty"`
	SlowCallDurationMs          json.RawMessage `json:"slowCallDurationMs,omitempty"`
	SlowCallRateThreshold       json.RawMessage `json:"slowCallRateThreshold,omitempty"`
	HalfOpenFailureThreshold    json.RawMessage `json:"halfOpenFailureThreshold,omitempty"`
	ProbeTimeoutMs              json.RawMessage `json:"probeTimeoutMs,omitempty"`
	BackoffMultiplier           json.RawMessage `json:"backoffMultiplier,omitempty"`
	MaxResetTimeoutMs           json.RawMessage `json:"maxResetTimeoutMs,omitempty"`
	Jitter                      json.RawMessage `json:"jitter,omitempty"`
	RecoverySteps               json.RawMessage `json:"recoverySteps,omitempty"`
}

// mergeConfig puts the fields that data, sound JSON, has into c. If one is bad
// c stays as it is.
func mergeConfig(c *switchgear.Config, data []byte, path string) problems {
	if string(data) == "null" {
		return nil
	}
	var bad problems
	var known breakerFields
	if err := bad.addAll("", strict.Decode(data, &known, strict.Options{Path: path})); err != nil {
		bad.add(path, "%v", err)
		return bad
	}
	clean, err := json.Marshal(known)
	if err == nil {
		err = bad.addAll(path, c.UnmarshalJSON(clean))
	}
	if err != nil {
		bad.add(path, "%v", err)
	}
	return bad
}
