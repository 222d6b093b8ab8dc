// Package timespan writes lengths of time in sentences for people.
package timespan

import (
	"strconv"
	"strings"
	"time"
)

var units = []struct {
	size time.Duration
	name string
}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}}

// Text is d in the largest units that say it whole, to the millisecond from a
// second on and to three places of a millisecond below: 300 ms, 45 s, 1 min,
// 4 min 30 s, 1 d 2 h.
func Text(d time.Duration) string {
	if d < 0 {
		if -d < 0 { // the least of all has no opposite
			d++
		}
		return "-" + Text(-d)
	}
	if d > 0 && d < time.Second {
		return places(float64(d)/float64(time.Millisecond)) + " ms"
	}
	if d = d.Round(time.Millisecond); d == 0 {
		return "0 s"
	}
	var parts []string
	for _, u := range units {
		if d >= u.size {
			parts = append(parts, strconv.FormatInt(int64(d/u.size), 10)+" "+u.name)
			d %= u.size
		}
	}
	if d > 0 {
		parts = append(parts, places(d.Seconds())+" s")
	}
	return strings.Join(parts, " ")
}

// places is a number with three places at most.
func places(v float64) string {
	text := strconv.FormatFloat(v, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
