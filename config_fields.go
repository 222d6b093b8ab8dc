package switchgear

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// wireField is one field of a Config: its name on the wire, where it has the
// unit that its name says, and its range.
type wireField struct {
	name string

	// check says what is wrong with a Config's value, or nothing.
	check func(c *Config) string

	// set takes a JSON value that is not null and says what is wrong with it,
	// or nothing. What it leaves of a bad value is bad too.
	set func(c *Config, raw []byte) string

	get   func(c *Config) any // of a resolved config
	clear func(c *Config)     // gives it its default

	// derived is where the value is, of a field whose default other fields say.
	derived func(c *Config) *time.Duration
}

// wireFields are the fields of a Config in the order of the wire.
var wireFields = []wireField{
	enabledField(),
	countField("failureThreshold", 1, maxCount, func(c *Config) *int { return &c.FailureThreshold }),
	durationField("resetTimeoutMs", 1, zeroIsDefault, func(c *Config) *time.Duration { return &c.ResetTimeout }),
	durationField("minHealthyPeriodMs", 0, zeroIsSaid, func(c *Config) *time.Duration { return &c.MinHealthyPeriod }),
	durationField("monitoringWindowMs", 100, zeroIsDefault, func(c *Config) *time.Duration { return &c.MonitoringWindow }),
	durationField("healthCheckIntervalMs", 0, zeroIsSaid, func(c *Config) *time.Duration { return &c.HealthCheckInterval }),
	shareField("failureRateThreshold", 0, 1, zeroIsDefault, func(c *Config) *float64 { return &c.FailureRateThreshold }),
	countField("minimumOperations", 1, maxCount, func(c *Config) *int { return &c.MinimumOperations }),
	countField("consecutiveFailureThreshold", 0, maxCount, func(c *Config) *int { return &c.ConsecutiveFailureThreshold }),
	durationField("slowCallDurationMs", 0, zeroIsDefault, func(c *Config) *time.Duration { return &c.SlowCallDuration }),
	shareField("slowCallRateThreshold", 0, 1, zeroIsDefault, func(c *Config) *float64 { return &c.SlowCallRateThreshold }),
	countField("halfOpenFailureThreshold", 1, 1000, func(c *Config) *int { return &c.HalfOpenFailureThreshold }),
	derivedField(durationField("probeTimeoutMs", 1, zeroIsDefault, probeTimeout), probeTimeout),
	shareField("backoffMultiplier", 1, 10, zeroIsDefault, func(c *Config) *float64 { return &c.BackoffMultiplier }),
	maxResetTimeoutField(),
	shareField("jitter", 0, 1, zeroIsSaid, func(c *Config) *float64 { return &c.Jitter }),
	recoveryStepsField(),
}

func probeTimeout(c *Config) *time.Duration    { return &c.ProbeTimeout }
func maxResetTimeout(c *Config) *time.Duration { return &c.MaxResetTimeout }

func derivedField(f wireField, at func(*Config) *time.Duration) wireField {
	f.derived = at
	return f
}

const (
	wholeNumber = "whole number"
	anyNumber   = "number"
)

// How a Config writes a zero of the wire.
const (
	zeroIsDefault = 0  // as its default, which is zero, or not at all
	zeroIsSaid    = -1 // as a negative value, for its own zero is the default
)

func countField(name string, low, high int, at func(*Config) *int) wireField {
	return numeric(name, wholeNumber, float64(low), float64(high), 1, zeroIsDefault, at)
}

func durationField(name string, low float64, zero time.Duration, at func(*Config) *time.Duration) wireField {
	return numeric(name, anyNumber, low, ms(maxDuration), float64(time.Millisecond), zero, at)
}

func shareField(name string, low, high, zero float64, at func(*Config) *float64) wireField {
	return numeric(name, anyNumber, low, high, 1, zero, at)
}

// numeric is a field of so many units from low to high.
func numeric[T int | time.Duration | float64](
	name, kind string, low, high, unit float64, zero T, at func(*Config) *T,
) wireField {
	return wireField{
		name: name,
		check: func(c *Config) string {
			v := *at(c)
			if v == 0 || zero < 0 && v < 0 {
				return ""
			}
			return outside(float64(v)/unit, low, high)
		},
		set: func(c *Config, raw []byte) string {
			v, err := strconv.ParseFloat(string(raw), 64)
			*at(c) = -1
			switch {
			case !isNumber(raw) || kind == wholeNumber && v != math.Trunc(v):
				return fmt.Sprintf("%s is not a %s in %s", shown(raw), kind, span(low, high))
			case err != nil || v < low || v > high: // the error is that of an overflow
				return fmt.Sprintf("%s is not in %s", shown(raw), span(low, high))
			}
			if *at(c) = fromWire[T](v, unit); *at(c) == 0 {
				*at(c) = zero
			}
			return ""
		},
		get:   func(c *Config) any { return float64(*at(c)) / unit },
		clear: func(c *Config) { *at(c) = 0 },
	}
}

// isNumber tells a JSON number from the other values.
func isNumber(raw []byte) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// fromWire is so many units as a Config has them.
func fromWire[T int | time.Duration | float64](v, unit float64) T {
	if unit != 1 {
		v = math.Round(v * unit)
	}
	return T(v)
}

// ms is d in milliseconds, as the wire has it.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func enabledField() wireField {
	return wireField{
		name:  "enabled",
		check: func(*Config) string { return "" },
		set: func(c *Config, raw []byte) string {
			var on bool
			if json.Unmarshal(raw, &on) != nil {
				return shown(raw) + " is not true or false"
			}
			c.Disabled = !on
			return ""
		},
		get:   func(c *Config) any { return !c.Disabled },
		clear: func(c *Config) { c.Disabled = false },
	}
}

// maxResetTimeoutField is the one whose range another field begins. Below that
// it may be a derived value that was sent back, so only check refuses it.
func maxResetTimeoutField() wireField {
	from := func(low float64) wireField {
		return durationField("maxResetTimeoutMs", low, zeroIsDefault, maxResetTimeout)
	}
	low := func(c *Config) float64 {
		if reset := ms(c.Resolved().ResetTimeout); outside(reset, 1, ms(maxDuration)) == "" {
			return reset
		}
		return 1 // resetTimeoutMs is a bad field itself
	}
	f := derivedField(from(1), maxResetTimeout)
	f.check = func(c *Config) string {
		if c.MaxResetTimeout == 0 {
			return ""
		}
		return from(low(c)).check(c)
	}
	set := f.set
	f.set = func(c *Config, raw []byte) string {
		if set(c, raw) == "" {
			return ""
		}
		return from(low(c)).set(c, raw)
	}
	return f
}

func recoveryStepsField() wireField {
	want := fmt.Sprintf("0 … %d rising shares in (0, 1]", maxSteps)
	return wireField{
		name: "recoverySteps",
		check: func(c *Config) string {
			if n := len(c.RecoverySteps); n > maxSteps {
				return fmt.Sprintf("%d shares are not %s", n, want)
			}
			last := 0.0
			for _, s := range c.RecoverySteps {
				if !(s > last && s <= 1) { // so that a NaN is bad too
					return numbers(c.RecoverySteps) + " is not " + want
				}
				last = s
			}
			return ""
		},
		set: func(c *Config, raw []byte) string {
			steps := []float64{}
			if json.Unmarshal(raw, &steps) != nil {
				return shown(raw) + " is not " + want
			}
			c.RecoverySteps = steps
			return ""
		},
		get:   func(c *Config) any { return c.RecoverySteps },
		clear: func(c *Config) { c.RecoverySteps = nil },
	}
}
