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
	case !in.joinedUnseen(open):
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
		if lifted || over(in.joined, e.cfg.GroupWait) {
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

// tells keeps of which services something critical was told. What comes back of them
// while the incident lasts is no news, and waits for the next message.
func (in *incident) tells(a *fleet.Alert) {
	if a.Severity == fleet.SeverityCritical && !untold(a) {
		in.grave[a.Service] = true
	}
}

// joinedUnseen reports whether a critical alert is open that nobody has seen, of a
// service of which none was told, and that joined what was acknowledged. That can be
// silenced now; and what joined waits for its message also where the others end
// meanwhile, or are not acknowledged any more.
func (in *incident) joinedUnseen(open []*fleet.Alert) bool {
	joined := false
	for _, a := range open {
		switch {
		case a.AcknowledgedBy != "":
		case untold(a):
			joined = joined || a.Severity == fleet.SeverityCritical && !in.grave[a.Service]
		case in.joined.IsZero():
			return false // nobody looks after it, and it is repeated
		}
	}
	if !joined || !in.joined.IsZero() {
		return joined
	}
	for a := range in.firing {
		if a.AcknowledgedBy != "" {
			return true
		}
	}
	return false
}
