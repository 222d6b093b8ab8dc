package config

import "time"

// Series are how long the points of services' series are kept, by the time that
// one stands for. Each has a place under store.series in the file; zero was not
// said, and below zero, which is 0 in the file, none are recorded. One of the
// three at least must be kept.
type Series struct {
	// Of1s is how long points of 1 s are kept (keepSecondsMs): 0, or 1 min to
	// 24 h. Default 15 min.
	Of1s time.Duration

	// Of10s is how long points of 10 s are kept (keepTenSecondsMs): 0, or
	// 10 min to 30 days. Default 6 h.
	Of10s time.Duration

	// Of1m is how long points of 1 min are kept (keepMinutesMs): 0, or 1 h to
	// 366 days. Default 30 days.
	Of1m time.Duration
}

const day = 24 * time.Hour

var defaultSeries = Series{Of1s: 15 * time.Minute, Of10s: 6 * time.Hour, Of1m: 30 * day}

// span is how long points of one step are kept.
type span struct {
	field       string
	value       *time.Duration
	least, most time.Duration
}

func (k *Series) spans() [3]span {
	return [3]span{
		{"store.series.keepSecondsMs", &k.Of1s, time.Minute, day},
		{"store.series.keepTenSecondsMs", &k.Of10s, 10 * time.Minute, 30 * day},
		{"store.series.keepMinutesMs", &k.Of1m, time.Hour, 366 * day},
	}
}

// fill takes what it does not say from next.
func (k *Series) fill(next Series) {
	others := next.spans()
	for i, s := range k.spans() {
		if *s.value == 0 {
			*s.value = *others[i].value
		}
	}
}

func (k *Series) check(bad *problems) {
	off := 0
	for _, s := range k.spans() {
		switch {
		case *s.value < 0:
			off++
		case *s.value != 0 && (*s.value < s.least || *s.value > s.most):
			bad.add(s.field, "%d is neither 0 nor in %d … %d", s.value.Milliseconds(), s.least.Milliseconds(), s.most.Milliseconds())
		}
	}
	if off == len(k.spans()) {
		bad.add("store.series", "nothing is kept: one of keepSecondsMs, keepTenSecondsMs and keepMinutesMs has to be above 0")
	}
}

// seriesJSON is store.series in the file.
type seriesJSON struct {
	KeepSecondsMs    *int64 `json:"keepSecondsMs"`
	KeepTenSecondsMs *int64 `json:"keepTenSecondsMs"`
	KeepMinutesMs    *int64 `json:"keepMinutesMs"`
}

func (d *seriesJSON) series(bad *problems) Series {
	var k Series
	said := [...]*int64{d.KeepSecondsMs, d.KeepTenSecondsMs, d.KeepMinutesMs}
	for i, s := range k.spans() {
		ms := said[i]
		switch {
		case ms == nil:
		case *ms == 0:
			*s.value = -1
		case *ms < 0 || *ms > s.most.Milliseconds(): // of a number too large a Duration would overflow
			bad.add(s.field, "%d is neither 0 nor in %d … %d", *ms, s.least.Milliseconds(), s.most.Milliseconds())
		default:
			*s.value = time.Duration(*ms) * time.Millisecond
		}
	}
	return k
}
