package tui

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// none stands for what there is not.
const none = "–"

// quantity writes 0, 12, 1.2k, 34k, 5.6M: three figures at most.
func quantity(n float64) string {
	if n < 999.5 {
		return strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	}
	units := []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}
	for _, u := range units {
		if n < u.size*0.9995 {
			continue
		}
		if scaled := n / u.size; scaled < 9.95 {
			return strconv.FormatFloat(scaled, 'f', 1, 64) + u.name
		}
		return strconv.FormatFloat(math.Round(n/u.size), 'f', 0, 64) + u.name
	}
	return ""
}

// perSecond writes operations a second.
func perSecond(n float64) string {
	switch {
	case n > 0 && n < 0.05:
		return "<0.1/s"
	case n > 0 && n < 9.95:
		return strconv.FormatFloat(n, 'f', 1, 64) + "/s"
	}
	return quantity(n) + "/s"
}

// share writes a share of one. A little is never shown as nothing, nor almost
// all as all.
func share(x float64) string {
	percent := 100 * x
	switch {
	case x > 0 && x < 0.001:
		return "<0.1%"
	case x < 1 && x >= 0.995:
		return ">99%"
	case percent < 9.95 && percent != math.Trunc(percent):
		return strconv.FormatFloat(percent, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(math.Round(percent), 'f', 0, 64) + "%"
}

// millis writes milliseconds: 0.4ms, 3.2ms, 12ms, 1.2s, 2m05s.
func millis(v float64) string {
	switch {
	case v <= 0:
		return none
	case v < 0.1:
		return "0.1ms"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64) + "ms"
	case v < 999.5:
		return strconv.FormatFloat(v, 'f', 0, 64) + "ms"
	case v < 9_950:
		return strconv.FormatFloat(v/1_000, 'f', 1, 64) + "s"
	}
	return span(time.Duration(v * float64(time.Millisecond)))
}

// span writes a time in its two largest units: 45s, 2m05s, 3h12m, 4d2h.
func span(d time.Duration) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3_600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86_400:
		return fmt.Sprintf("%dh%02dm", s/3_600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86_400, s/3_600%24)
}

// left is what is left until a moment: as much as must still pass, so that what
// is due says so and not 0s.
func left(to, now time.Time) string {
	d := to.Sub(now)
	if d <= 0 {
		return "now"
	}
	return span((d + time.Second - 1).Truncate(time.Second))
}

// clock is a moment in UTC, without the date if that is today's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05Z")
	}
	return t.Format("2006-01-02 15:04:05Z")
}

// ago is a moment on the clock and seen from now.
func ago(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case t.After(now):
		return clock(t, now) + ", in " + left(t, now)
	}
	return clock(t, now) + ", " + span(now.Sub(t)) + " ago"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}
