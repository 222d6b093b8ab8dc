package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear/bench/internal/results"
)

// durations are measurements of the same thing.
type durations []time.Duration

// at is the value below which the share of them is.
func (d durations) at(share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func (d durations) median() time.Duration { return d.at(0.5) }

// spread is the median, and in brackets the least and the most.
func (d durations) spread() string {
	return fmt.Sprintf("%s (%s–%s)", ms(d.median()), ms(slices.Min(d)), ms(slices.Max(d)))
}

// ratio is the median of what each took of ours against the floor's of the same
// round.
func ratio(ours, floor durations) float64 {
	var each []float64
	for i := range min(len(ours), len(floor)) {
		each = append(each, float64(ours[i])/float64(floor[i]))
	}
	return median(each)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(v))[len(v)/2]
}

// table is one of Markdown.
type table = results.Table

func ms(d time.Duration) string { return results.MS(d) }

func mib(bytes int64) string { return results.MiB(bytes) }

func thousands(v float64) string { return results.Thousands(v) }
