package otelbreaker_test

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/otelbreaker"
)

// What the breaker does with an operation is on the span that its caller began.
func Example() {
	spans := tracetest.NewSpanRecorder() // in a program: an exporter
	tracer := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("example")
	prices, err := switchgear.New("prices", switchgear.Config{FailureThreshold: 1, Hooks: otelbreaker.Hooks()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"first", "second"} {
		ctx, span := tracer.Start(context.Background(), name)
		_, _ = switchgear.Do(ctx, prices, func(context.Context) (int, error) { return 0, errors.New("no answer") })
		span.End()
	}
	for _, span := range spans.Ended() {
		for _, event := range span.Events() {
			fmt.Println(span.Name(), "call:", event.Name)
			for _, a := range event.Attributes {
				if a.Key == "switchgear.service" || a.Key == "switchgear.rule" {
					fmt.Println(" ", a.Key, "=", a.Value.AsString())
				}
			}
		}
	}
	// Output:
	// first call: switchgear.opened
	//   switchgear.service = prices
	//   switchgear.rule = failure_threshold
	// second call: switchgear.rejected
	//   switchgear.service = prices
	//   switchgear.rule = failure_threshold
}
