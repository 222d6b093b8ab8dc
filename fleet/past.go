package fleet

import (
	"encoding/json"
	"time"

	"github.com/degenduel/switchgear"
)

// PastPoint is what a series says of a service at some moment.
type PastPoint struct {
	At            time.Time // until when it is so, at least
	Operations    switchgear.Operations
	Performance   switchgear.Performance
	Failures      uint64 // in the window
	AdmittedShare float64

	Running, Silent, NearOpening bool
	Checked, Healthy             bool // a health check had ended; it had passed
}

// Past are the services as they were at a moment, by name: what the events until
// then say of state, mode, override, health, layer and dependencies, the config
// of that time, and statistics as the points have them. What a point has and an
// event contradicts, the event says. An override whose end had come by then is
// over, told or not. What nothing says is as it is now: how a service is checked,
// and of one that was registered by a release that did not tell it, layer,
// description and dependencies. Services that were not there are left out.
func (m *Manager) Past(at time.Time, states []StateAt, points map[string]PastPoint) []View {
	var views []View
	failing := make(map[string]bool)
	inputs := make([]judged, 0, len(states))
	configs := make(map[string]switchgear.Config) // by their text: many are the same
	for i := range states {
		p, there := m.past(at, &states[i], points, configs)
		if !there {
			continue
		}
		p.view.Status = p.status(nil)
		failing[p.view.Service] = p.view.Status.fails()
		inputs = append(inputs, p)
	}
	for i := range inputs {
		p := &inputs[i]
		var bad []string
		for _, name := range p.view.Dependencies {
			if failing[name] {
				bad = append(bad, name)
			}
		}
		p.view.Status = p.status(bad)
		views = append(views, p.view)
	}
	return views
}

// judged is a view, and what its status depends on besides.
type judged struct {
	view         View
	silent, near bool
}

func (j *judged) status(failing []string) Status {
	return statusBy(&j.view, j.silent, j.near, failing)
}

// past is one service as it was; false: it was not there.
func (m *Manager) past(
	at time.Time, state *StateAt, points map[string]PastPoint, configs map[string]switchgear.Config,
) (judged, bool) {
	var last [pastKinds]*Event
	for i := range state.Events {
		e := &state.Events[i]
		k := pastKindOf(e)
		if k == pastOpening && (last[pastTransition] == nil || last[pastTransition].ID < e.ID) {
			last[pastTransition] = e
		}
		if last[k] == nil || last[k].ID < e.ID {
			last[k] = e
		}
	}
	born := last[pastRegistered]
	if gone := last[pastRemoved]; born == nil || gone != nil && gone.ID > born.ID {
		return judged{}, false
	}
	for k, e := range last { // what was before is of another life
		if e != nil && e.ID < born.ID {
			last[k] = nil
		}
	}
	point, known := points[state.Service]
	if known = known && point.At.After(born.At); !known {
		point = PastPoint{Running: true, AdmittedShare: -1}
	}
	j := judged{silent: point.Silent, near: point.NearOpening}
	v := &j.view
	v.Service, v.Running, v.ConfigVersion = state.Service, point.Running, state.Config.Version
	v.Config = pastConfig(&state.Config, configs)
	m.describe(v, born, last[pastDeclared])
	v.Breaker = switchgear.Snapshot{
		Service: state.Service, At: at, Operations: point.Operations, Performance: point.Performance, Failures: point.Failures,
	}
	v.Health = switchgear.Health{Checked: point.Checked, Healthy: point.Healthy}
	pastState(v, last[pastTransition], last[pastOpening])
	pastOverride(v, at, last[pastMode])
	pastHealth(v, last[pastHealthEdge])
	v.Breaker.AdmittedShare = pastShare(v, point.AdmittedShare)
	if v.Instances.Total == 0 { // no transition of several has said
		v.Instances = Instances{Total: 1}
		if v.IsOpen() {
			v.Instances.Open = 1
		}
	}
	v.NearInstance = j.near && v.Source == SourceAgent
	if j.silent {
		v.Instances.Stale = v.Instances.Total
	}
	return j, true
}

// The events that make a state, by what they say of it.
const (
	pastRegistered = iota
	pastDeclared
	pastRemoved
	pastTransition
	pastOpening // a transition to open
	pastMode    // an override, or its end
	pastHealthEdge
	pastOther
	pastKinds
)

func pastKindOf(e *Event) int {
	switch e.Kind {
	case EventRegistered:
		return pastRegistered
	case EventDeclared:
		return pastDeclared
	case EventRemoved:
		return pastRemoved
	case EventTransition:
		if e.To == switchgear.Open.String() {
			return pastOpening
		}
		return pastTransition
	case EventOverride, EventOverrideExpired:
		return pastMode
	case EventHealthFailed, EventHealthRecovered:
		return pastHealthEdge
	case EventReset, EventConfigChanged, EventConfigWarning, EventInstanceTransition:
	}
	return pastOther
}

func pastConfig(v *ConfigVersion, known map[string]switchgear.Config) switchgear.Config {
	cfg, ok := known[string(v.Config)]
	if !ok {
		if len(v.Config) > 0 {
			_ = json.Unmarshal(v.Config, &cfg) // what cannot be read is the default
		}
		known[string(v.Config)] = cfg
	}
	cfg.Version = v.Version
	return cfg
}

// describe fills in what the service was, beside its config.
func (m *Manager) describe(v *View, born, declared *Event) {
	m.mu.RLock()
	s := m.members[v.Service]
	if s != nil {
		v.Source, v.HealthCheck, v.ReportInterval = s.source, s.def.HealthCheck, s.def.ReportInterval
		v.Alerts = s.def.Alerts
		v.Layer, v.Description, v.Dependencies = s.def.Layer, s.def.Description, s.def.Dependencies
	}
	m.mu.RUnlock()
	if declared != nil {
		born = declared
	}
	var a about
	if json.Unmarshal(born.Evidence, &a) != nil {
		return
	}
	if a.Source != "" {
		v.Source = a.Source
	}
	if a.Dependencies != nil {
		v.Layer, v.Description, v.Dependencies = a.Layer, a.Description, a.Dependencies
	}
}

// pastState fills in the state of the newest transition, and of an opening that
// it goes back to.
func pastState(v *View, transition, opening *Event) {
	s := &v.Breaker
	if transition == nil {
		return
	}
	var e evidenceJSON
	_ = json.Unmarshal(transition.Evidence, &e) // what cannot be read says nothing
	_ = s.State.UnmarshalText([]byte(transition.To))
	s.Transitions = e.Transition
	if in := e.Instances; in != nil {
		v.Instances = Instances{Total: in.Total, Open: in.Open}
	}
	switch s.State {
	case switchgear.Closed:
		s.LastReset = transition.At
		return
	case switchgear.HalfOpen:
		s.LastRecoveryAttempt, s.RecoveryAttempts = transition.At, e.RecoveryAttempt
	case switchgear.Open:
		s.RecoveryAttempts = e.RecoveryAttempt
	}
	if opening == nil || transition.From == switchgear.Closed.String() && s.State == switchgear.HalfOpen {
		return // it has not opened: an override ended, or somebody asked for a recovery
	}
	var why evidenceJSON
	_ = json.Unmarshal(opening.Evidence, &why)
	s.OpenedAt, v.TripEventID = opening.At, opening.ID
	s.OpenTime = time.Duration(why.OpenMs * float64(time.Millisecond))
	if s.State == switchgear.Open {
		s.NextAttemptAt = opening.At.Add(s.OpenTime)
	}
	s.Trip = &switchgear.Evidence{
		Rule: why.Rule, Failures: why.Failures, Successes: why.Successes, Slow: why.Slow,
		ConsecutiveFailures: why.ConsecutiveFailures, RecoveryAttempt: why.RecoveryAttempt,
		ConfigVersion: why.ConfigVersion, OpenTime: s.OpenTime, InFlight: -1,
	}
	if why.LastError != nil {
		s.Trip.LastError, s.LastError = *why.LastError, *why.LastError
	}
	pastOutage(v, e.Outage, opening)
}

// pastOverride fills in the mode. Of an override whose end had come and was not
// told, what law 14 makes of it: it is over.
func pastOverride(v *View, at time.Time, e *Event) {
	s := &v.Breaker
	if v.Config.Disabled {
		s.Mode = switchgear.Disabled
	}
	if e == nil || e.Kind != EventOverride {
		return
	}
	var mode switchgear.Mode
	var said struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	_ = json.Unmarshal(e.Evidence, &said)
	if mode.UnmarshalText([]byte(e.To)) != nil || mode != switchgear.ForcedOpen && mode != switchgear.ForcedClosed || said.ExpiresAt.IsZero() {
		return // it was the end of one
	}
	if said.ExpiresAt.After(at) {
		s.Mode = mode
		s.Override = &switchgear.Override{Mode: mode, Reason: e.Reason, Actor: e.Actor, Until: said.ExpiresAt.UTC()}
		return
	}
	s.NextAttemptAt = time.Time{}
	if s.State = switchgear.HalfOpen; mode == switchgear.ForcedClosed {
		s.State = switchgear.Closed
		s.Trip, s.Outage, s.OpenedAt, v.TripEventID, v.OutageEventID = nil, nil, time.Time{}, 0, 0
	}
}

func pastHealth(v *View, e *Event) {
	if e == nil {
		return
	}
	var evidence struct {
		CheckedAt           time.Time `json:"checked_at"`
		DurationMs          float64   `json:"duration_ms"`
		ConsecutiveFailures int       `json:"consecutive_failures"`
	}
	_ = json.Unmarshal(e.Evidence, &evidence)
	v.Health = switchgear.Health{
		Checked: true, Healthy: e.Kind == EventHealthRecovered, CheckedAt: evidence.CheckedAt, Err: e.Reason,
		Duration:            time.Duration(evidence.DurationMs * float64(time.Millisecond)),
		ConsecutiveFailures: evidence.ConsecutiveFailures,
	}
}

// pastShare is the share that was admitted: that of the mode and the state, and
// in a recovery that of the point; below 0 there is none.
func pastShare(v *View, said float64) float64 {
	switch {
	case v.Breaker.Mode == switchgear.ForcedOpen:
		return 0
	case v.Breaker.Mode != switchgear.Auto || v.Breaker.State == switchgear.Closed:
		return 1
	case v.Breaker.State == switchgear.Open:
		return 0
	}
	return max(said, 0)
}
