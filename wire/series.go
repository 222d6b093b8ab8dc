package wire

// Point is what happened to a service in one step, and how it was at its end.
type Point struct {
	At         Time   `json:"at"` // when it begins
	Successful uint64 `json:"successful"`
	Failed     uint64 `json:"failed"`
	Ignored    uint64 `json:"ignored"`
	Rejected   uint64 `json:"rejected"`

	// Of the present and the last monitoring window, the worst in the step.
	AverageMs float64 `json:"average_ms"`
	P50Ms     float64 `json:"p50_ms"`
	P95Ms     float64 `json:"p95_ms"`
	P99Ms     float64 `json:"p99_ms"`

	State         string  `json:"state"`
	Mode          string  `json:"mode"`
	AdmittedShare float64 `json:"admitted_share"`
	Failures      uint64  `json:"failures"` // in the window
}

// Gap is a time in which nothing was recorded.
type Gap struct {
	From Time `json:"from"`
	To   Time `json:"to"`
}

// Series is how a service was over time. Where there is no point, and no gap,
// nothing changed.
type Series struct {
	Service string  `json:"service"`
	Step    string  `json:"step"` // a Go duration, such as 10s
	From    Time    `json:"from"`
	To      Time    `json:"to"`
	Points  []Point `json:"points"`
	Gaps    []Gap   `json:"gaps"`
}

// SeriesOfMany is how services were over time.
type SeriesOfMany struct {
	Step   string          `json:"step"`
	From   Time            `json:"from"`
	To     Time            `json:"to"`
	Series []ServiceSeries `json:"series"` // in the order in which they were asked for
	Gaps   []Gap           `json:"gaps"`
}

// ServiceSeries are the points of one of many.
type ServiceSeries struct {
	Service string  `json:"service"`
	Points  []Point `json:"points"`
}
