package tui

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// endOverride stands for the end of an override among the things that an order
// can bring about; the others are states and modes.
const endOverride = "end"

// demand is how many operations a second have been asked of a service in the last
// minute; ok is false while that is not known.
func (f *fleet) demand(service string, now time.Time) (perSecond float64, ok bool) {
	r := f.ring(service)
	if !r.seeded && (r.knownFrom.IsZero() || now.Sub(r.knownFrom) < 10*time.Second) {
		return 0, false
	}
	return r.rate(now, time.Minute).total(), true
}

// aSecond is how many operations come, with as many words as it takes.
func aSecond(n float64) string {
	switch {
	case n == 0:
		return "no operations"
	case n >= 1:
		return "about " + strings.TrimSuffix(perSecond(n), "/s") + " operations a second"
	case n*60 >= 1:
		return "about " + quantity(math.Round(n*60)) + " operations a minute"
	}
	return "less than one operation a minute"
}

// effect is what an order will do, in sentences, told before it is given.
func effect(order string, e *wire.Entry, perSecond float64, known bool) []string {
	b := &e.CircuitBreaker
	asked := aSecond(perSecond)
	recovery := "A recovery begins: one operation at a time is let in until one succeeds, then more, step by step."
	if string(e.HealthCheck) != "null" && len(e.HealthCheck) > 0 || !e.Health.CheckedAt.IsZero() {
		recovery = "A recovery begins: the health check runs first, and nothing is let in before it has passed."
	}
	how := "How many operations come is not known yet."
	switch order {
	case forcedOpen:
		if known && b.IsOpen {
			how = fmt.Sprintf("Nothing is let in now; %s will go on being refused.", asked)
		} else if known {
			how = strings.ToUpper(asked[:1]) + asked[1:] + " will be refused."
		}
		return []string{how, "When it ends the circuit goes to half-open: the service must prove itself first."}
	case forcedClosed:
		if known {
			how = fmt.Sprintf("All operations are let in, even if every one fails: %s.", asked)
		}
		return []string{how, "The circuit cannot open until it ends; then it is closed, with nothing counted."}
	case closed:
		if b.State == closed {
			how = "The circuit is closed already: the failures in its window are forgotten."
		} else if how = "The circuit closes at once, without a recovery."; known {
			how = fmt.Sprintf("The circuit closes at once, without a recovery: %s will reach the service.", asked)
		}
		return []string{how, "What was counted in the window is cleared. History stays."}
	case halfOpen:
		return []string{recovery, "If it fails, the circuit opens again, for longer."}
	}
	if b.Override != nil && b.Override.Mode == forcedOpen {
		return []string{recovery}
	}
	return []string{"The circuit is closed, with nothing counted: it opens again only by new failures."}
}

var spanParts = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*([smhd])\s*`)

// spanFrom is the time that 90m, 1h 30m or 45 s stand for; 0 for what is none.
func spanFrom(text string) time.Duration {
	text = strings.TrimSpace(text)
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	sum, read := 0.0, 0
	for _, part := range spanParts.FindAllStringSubmatchIndex(text, -1) {
		if part[0] != read {
			return 0
		}
		read = part[1]
		n, err := strconv.ParseFloat(text[part[2]:part[3]], 64)
		if err != nil {
			return 0
		}
		sum += n * float64(units[text[part[4]:part[5]]])
	}
	if read != len(text) || sum > float64(math.MaxInt64/2) {
		return 0
	}
	return time.Duration(sum)
}
