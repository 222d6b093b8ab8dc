package view

import (
	"strings"
	"time"

	"github.com/degenduel/switchgear/series"
	"github.com/degenduel/switchgear/wire"
)

// Points are points on the wire.
func Points(points []series.Point) []wire.Point {
	out := make([]wire.Point, len(points))
	for i, p := range points {
		out[i] = wire.Point{
			At: wire.Time{Time: p.At}, Successful: p.Successful, Failed: p.Failed, Ignored: p.Ignored, Rejected: p.Rejected,
			AverageMs: Ms(p.Average), P50Ms: Ms(p.P50), P95Ms: Ms(p.P95), P99Ms: Ms(p.P99),
			State: p.State.String(), Mode: p.Mode.String(), AdmittedShare: p.AdmittedShare, Failures: p.Failures,
		}
	}
	return out
}

// Gaps are gaps on the wire.
func Gaps(gaps []series.Gap) []wire.Gap {
	out := make([]wire.Gap, len(gaps))
	for i, g := range gaps {
		out[i] = wire.Gap{From: wire.Time{Time: g.From}, To: wire.Time{Time: g.To}}
	}
	return out
}

// Step is a duration of whole seconds as people write it: 1m, and not 1m0s.
func Step(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
