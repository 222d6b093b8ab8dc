package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/config"
)

func TestFleet_AnInstanceIsForgottenAfterAMinuteToAMonth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		said string
		want time.Duration
		err  string // of line 2
		warn string // of line 2
	}{
		{"60000", time.Minute, "", "programs that the network keeps away for 1m0s are forgotten"},
		{"299999", 299999 * time.Millisecond, "", "take 300000 or more"},
		{"300000", 5 * time.Minute, "", ""},
		{"2592000000", 30 * 24 * time.Hour, "", ""},
		{"59999", 0, "59999 is not in 60000 … 2592000000", ""},
		{"2592000001", 0, "2592000001 is not in 60000 … 2592000000", ""},
		{"9223372036854775807", 0, "is too large a whole number", ""},
		{"0", 0, "0 is not in 60000 … 2592000000", ""},
		{"-1", 0, "-1 is not in 60000 … 2592000000", ""},
		{"1h", 0, "must be a number", ""},
	} {
		t.Run(tt.said, func(t *testing.T) {
			t.Parallel()
			f, err := config.Parse("f", fmt.Appendf(nil, "fleet:\n  forgetInstancesMs: %s\n", tt.said))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), "f:2: fleet.forgetInstancesMs: ") || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || f.Settings.ForgetInstances != tt.want {
				t.Fatalf("%v, %v", f, err)
			}
			warnings := f.Lint()
			if got := fmt.Sprint(warnings); tt.warn != "" && !strings.Contains(got, "f:2: fleet.forgetInstancesMs: ") || !strings.Contains(got, tt.warn) || tt.warn == "" && len(warnings) > 0 {
				t.Errorf("warnings: %s", got)
			}
		})
	}
	if got := (config.Settings{}).Or(config.DefaultSettings()).ForgetInstances; got != time.Hour {
		t.Errorf("by default after %v", got)
	}
}

func TestFleet_ALeaseLastsHalfASecondToAMinute(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]time.Duration{"500": 500 * time.Millisecond, "60000": time.Minute, "499": 0, "60001": 0, "0": 0} {
		f, err := config.Parse("f", fmt.Appendf(nil, "fleet:\n  leaseMs: %s\n", said))
		switch {
		case want == 0 && (err == nil || !strings.Contains(err.Error(), "f:2: fleet.leaseMs: "+said+" is not in 500 … 60000")):
			t.Errorf("%s: %v", said, err)
		case want != 0 && (err != nil || f.Settings.Lease != want):
			t.Errorf("%s: %v, %v", said, f, err)
		}
	}
	if got := (config.Settings{}).Or(config.DefaultSettings()).Lease; got != 5*time.Second {
		t.Errorf("by default %v", got)
	}
}
