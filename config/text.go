package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// badText is what is wrong with a text for people, or empty.
func badText(s string, most int) string {
	if len(s) > most {
		return fmt.Sprintf("%d bytes are more than %d", len(s), most)
	}
	return hiddenRune(s, "\t\n")
}

// hiddenRune names the first character of s that does not show, or turns
// around how the others do, other than those allowed.
func hiddenRune(s, allowed string) string {
	for _, r := range s {
		if strings.ContainsRune(allowed, r) {
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return fmt.Sprintf("has the character %U, which does not show", r)
		}
	}
	return ""
}

// quote shows a value in an error, shortened.
func quote(s string) string {
	const longest = 128
	if len(s) > longest {
		return strconv.Quote(strings.ToValidUTF8(s[:longest], "")) + "…"
	}
	return strconv.Quote(s)
}

// milliseconds is a number from the wire as a Duration. One that no Duration
// can hold becomes one that is out of every range too.
func milliseconds(v float64) time.Duration {
	const far = 1 << 62
	return time.Duration(max(-far, min(far, math.Round(v*float64(time.Millisecond)))))
}

// inMs is d as the wire has it.
func inMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// msRange says that d, in milliseconds, is out of its range.
func msRange(d, low, high time.Duration) string {
	show := func(d time.Duration) string { return strconv.FormatFloat(inMs(d), 'f', -1, 64) }
	return show(d) + " is not in " + show(low) + " … " + show(high)
}
