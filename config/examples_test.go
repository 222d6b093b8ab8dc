package config_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/config"
)

func TestExamples_AreReadWithoutAWarning(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("got %v (%v), want the examples", paths, err)
	}
	for _, path := range paths {
		f, err := config.Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range f.Lint() {
			t.Error(w)
		}
	}
}

func TestExamples_HaveTheProfilesOfDegenDuel(t *testing.T) {
	t.Parallel()
	f, err := config.Load("../examples/degenduel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"achievement_service", "contest_evaluation_service", "contest_wallet_service", "market_data_service",
		"referral_service", "token_sync_service", "vanity_wallet_service", "wallet_rake_service",
	}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(f.Services))); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		service                string
		failures               int
		reset, healthy, window time.Duration
	}{
		{"market_data_service", 3, 30 * time.Second, 120 * time.Second, 300 * time.Second},
		{"contest_evaluation_service", 10, 120 * time.Second, 180 * time.Second, 600 * time.Second},
		{"token_sync_service", 5, 60 * time.Second, 120 * time.Second, 300 * time.Second},
	} {
		c := f.Services[tc.service].Config.Resolved()
		if c.FailureThreshold != tc.failures || c.ResetTimeout != tc.reset || c.MinHealthyPeriod != tc.healthy || c.MonitoringWindow != tc.window {
			t.Errorf("%s: got %+v, want %+v", tc.service, c, tc)
		}
	}
	if diff := cmp.Diff([]string{"token_sync_service"}, f.Services["market_data_service"].Dependencies); diff != "" {
		t.Errorf("dependencies of market_data_service (-want +got):\n%s", diff)
	}
}
