package timespan

import (
	"math"
	"testing"
	"time"
)

func TestText_SaysItWholeInTheLargestUnits(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", 1500: "0.002 ms", 300 * time.Millisecond: "300 ms", 12500 * time.Microsecond: "12.5 ms",
		time.Second: "1 s", 1500 * time.Millisecond: "1.5 s", 10 * time.Second: "10 s", time.Minute - 1: "1 min",
		time.Minute: "1 min", 270 * time.Second: "4 min 30 s", time.Hour: "1 h", 3605 * time.Second: "1 h 5 s",
		26 * time.Hour: "1 d 2 h", 100 * 24 * time.Hour: "100 d", -time.Minute: "-1 min",
		math.MinInt64: "-106751 d 23 h 47 min 16.855 s",
	} {
		if got := Text(d); got != want {
			t.Errorf("Text(%v) is %q, want %q", d, got, want)
		}
	}
}
