package alert

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// reason is why those who were told of an incident are told again now; empty: they
// are not. worst is the gravest of its open alerts.
func (e *Engine) reason(in *incident, open []*fleet.Alert, worst fleet.Severity, now time.Time) Reason {
	seen, lifted := in.acknowledgement() != nil, in.lifted
	in.lifted = false
	switch {
	case !joinedUnseen(open):
		in.joined = time.Time{}
	case in.joined.IsZero():
		in.joined = now
	}
	over := func(since time.Time, d time.Duration) bool { return !now.Before(since.Add(d)) }
	switch {
	case in.worst != "" && worst.Graver(in.worst):
		return Escalated
	case seen:
		return ""
	case !in.moved.IsZero() && over(in.moved, e.cfg.GroupWait):
		return Escalated
	case !in.joined.IsZero():
		if over(in.joined, e.cfg.GroupWait) {
			return Escalated
		}
		return ""
	case lifted && slices.ContainsFunc(open, untold):
		return Escalated
	case lifted, e.cfg.RepeatInterval > 0 && over(in.toldAt, e.cfg.RepeatInterval):
		return Repeat
	}
	return ""
}

func untold(a *fleet.Alert) bool { return a.ToldAt.IsZero() }

// joinedUnseen reports whether, beside alerts that were acknowledged, there is a
// critical one that was not, and nobody was told of any such.
func joinedUnseen(open []*fleet.Alert) bool {
	seen, critical := false, false
	for _, a := range open {
		switch {
		case a.AcknowledgedBy != "":
			seen = true
		case !untold(a):
			return false
		case a.Severity == fleet.SeverityCritical:
			critical = true
		}
	}
	return seen && critical
}
