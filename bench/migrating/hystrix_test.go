package migrating

import (
	"context"
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"

	"github.com/degenduel/switchgear"
)

// hystrix keeps its circuits, and two goroutines for each, in the package: so
// there is one test, in real time.
func TestHystrix_CommandWithTimeoutConcurrencyAndFallback(t *testing.T) {
	t.Parallel()
	client, cached := &exchange{down: true}, "yesterday's"
	// region hystrix_settings_old
	hystrix.ConfigureCommand("prices", hystrix.CommandConfig{
		Timeout:                1000,
		MaxConcurrentRequests:  10,
		RequestVolumeThreshold: 20,
		ErrorPercentThreshold:  50,
		SleepWindow:            5000,
	})
	// end region

	// region hystrix_settings
	prices, err := switchgear.New("prices", switchgear.Config{
		FailureThreshold:     1, // the rate decides
		FailureRateThreshold: 0.5,
		MinimumOperations:    20,
		MonitoringWindow:     10 * time.Second, // hystrix-go's, which cannot be changed
		ResetTimeout:         5 * time.Second,
		MinHealthyPeriod:     -1,
		BackoffMultiplier:    1,
		Jitter:               -1,
	})
	places := make(chan struct{}, 10)
	// end region
	if err != nil {
		t.Fatal(err)
	}
	old := func(ctx context.Context) (quote string, err error) {
		// region hystrix_call_old
		err = hystrix.DoC(ctx, "prices", func(ctx context.Context) error {
			quote, err = client.Quote(ctx)
			return err
		}, func(context.Context, error) error {
			quote = cached
			return nil
		})
		// end region
		return quote, err
	}
	ours := func(ctx context.Context) (quote string, err error) {
		// region hystrix_call
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		default:
			return cached, nil
		}
		quote, err = switchgear.Do(ctx, prices, func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return client.Quote(ctx)
		})
		if err != nil {
			quote, err = cached, nil
		}
		// end region
		return quote, err
	}
	for name, call := range map[string]func(context.Context) (string, error){"old": old, "ours": ours} {
		for range 20 {
			if quote, err := call(t.Context()); quote != cached || err != nil {
				t.Fatalf("%s: %q, %v; want the fallback", name, quote, err)
			}
		}
	}
	wantOpen(t, prices)
	circuit, _, err := hystrix.GetCircuit("prices")
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !circuit.IsOpen(); { // it counts in the background
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the old circuit did not open")
		}
	}
}
