package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Alerts are what fires, and how it goes with those who are told.
type Alerts struct {
	Firing              map[AlertClass]int // how many, silenced ones too
	Incidents, Silences int                // that are open, and in force
	Receivers           []Receiver         // by name
}

// AlertClass is a kind of alert and how much it matters.
type AlertClass struct{ Kind, Severity string }

// Receiver is where alerts are sent.
type Receiver struct {
	Name              string
	Waiting           int    // messages
	Delivered, Failed uint64 // messages, and attempts; of an Alertmanager changes of what it is shown
	GivenUp, Dropped  uint64 // messages
	Tried, Working    bool   // there was an attempt, and the last did not fail
	LastSuccess       time.Time
}

var (
	firing    = desc("alerts_firing", "Alerts that fire, silenced ones too.", "kind", "severity")
	incidents = desc("incidents_open", "Incidents that are not over.")
	silences  = desc("silences_active", "Silences that are in force.")
	lost      = desc("alerts_dropped_total", "Changes of alerts, and messages, lost because the store was away too long or refused them.")

	waiting     = desc("alert_messages_waiting", "Messages that a receiver has yet to get.", "receiver")
	delivered   = desc("alert_messages_total", "Messages that are done with, by what became of them; of an Alertmanager changes of what it is shown, and not each time that it is told them again.", "receiver", "result")
	attempts    = desc("alert_attempts_failed_total", "Attempts to send to a receiver that failed; of an Alertmanager also those to tell it again what fires.", "receiver")
	working     = desc("alert_receiver_up", "1 if the last attempt to send to a receiver did not fail, 0 if it did; absent until there was one.", "receiver")
	lastSuccess = desc("alert_last_success_timestamp_seconds", "When a receiver took something last, in Unix time.", "receiver")
)

func (s *sink) alerts(a *Alerts) {
	classes := slices.SortedFunc(maps.Keys(a.Firing), func(a, b AlertClass) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Severity, b.Severity))
	})
	for _, c := range classes {
		s.gauge(firing, float64(a.Firing[c]), c.Kind, c.Severity)
	}
	s.gauge(incidents, float64(a.Incidents))
	s.gauge(silences, float64(a.Silences))
	for i := range a.Receivers {
		r := &a.Receivers[i]
		s.gauge(waiting, float64(r.Waiting), r.Name)
		s.counter(delivered, r.Delivered, r.Name, "delivered")
		s.counter(delivered, r.Dropped, r.Name, "dropped")
		s.counter(delivered, r.GivenUp, r.Name, "given_up")
		s.counter(attempts, r.Failed, r.Name)
		if r.Tried {
			s.gauge(working, number(r.Working), r.Name)
		}
		if !r.LastSuccess.IsZero() {
			s.gauge(lastSuccess, float64(r.LastSuccess.UnixMilli())/1000, r.Name)
		}
	}
}
