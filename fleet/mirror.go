package fleet

import (
	"context"
	"time"

	"github.com/degenduel/switchgear"
)

// toldJSON is what of a service is told, and is nowhere else in its state.
type toldJSON struct {
	AdmittedShare float64       `json:"admittedShare"`
	AwaitsCheck   bool          `json:"awaitsCheck,omitempty"`
	ClosesAt      time.Time     `json:"closesAt,omitzero"`
	Successes     uint64        `json:"successes,omitempty"`
	Slow          uint64        `json:"slow,omitempty"`
	Slowest       time.Duration `json:"slowest,omitempty"`
	Instances     Instances     `json:"instances"`
	NearInstance  bool          `json:"nearInstance,omitempty"`
	At            time.Time     `json:"at"`
}

func toldOf(v *View) *toldJSON {
	s := &v.Breaker
	return &toldJSON{
		AdmittedShare: s.AdmittedShare, AwaitsCheck: s.AwaitsCheck, ClosesAt: s.ClosesAt,
		Successes: s.Successes, Slow: s.Slow, Slowest: s.Performance.Slowest,
		Instances: v.Instances, NearInstance: v.NearInstance, At: s.At,
	}
}

// mirrorOf is a member that shows what a row has, or nil of a row that cannot be
// read. before, which may be nil, is what was shown of it.
func mirrorOf(row ServiceRow, before *member) (*member, error) {
	r := readRow(row)
	if r.err != nil {
		return nil, r.err
	}
	s := &member{
		name: row.Service, mirrored: true, source: r.source, def: r.def, definition: r.state.Definition, filed: r.filed,
		config: r.config, version: r.state.ConfigVersion, number: r.snapshot.Transitions, override: r.snapshot.Override,
		tripEvent: r.state.TripEvent, outageEvent: r.state.OutageEvent,
	}
	s.differs = s.ofFile() && !r.state.LikeFile
	if before != nil && s.tripEvent == 0 { // the row was written before its events had their IDs
		s.tripEvent = before.tripEvent
	}
	if before != nil && s.outageEvent == 0 {
		s.outageEvent = before.outageEvent
	}
	v := s.mirrorView(r)
	s.shown, s.guard = &v, mirror{s}
	return s, nil
}

// mirrorView is what the row tells.
func (s *member) mirrorView(r *remembered) View {
	live, p := r.snapshot, &r.state.Performance
	duration := func(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
	live.Performance = switchgear.Performance{
		Average: duration(p.AverageMs), Last: duration(p.LastMs), P50: duration(p.P50Ms), P95: duration(p.P95Ms), P99: duration(p.P99Ms),
	}
	v := View{
		Service: s.name, Status: r.state.Status, Running: r.state.Running,
		Layer: s.def.Layer, Description: s.def.Description, Dependencies: s.def.Dependencies, Source: s.source,
		TripEventID: s.tripEvent, OutageEventID: s.outageEvent, Health: r.state.Health.health(),
		Config: s.config, ConfigVersion: s.version, DiffersFromFile: s.differs,
		HealthCheck: s.def.HealthCheck, ReportInterval: s.def.ReportInterval,
		Instances: Instances{Total: 1}, Alerts: s.def.Alerts,
	}
	live.AdmittedShare = 1
	if t := r.state.Told; t != nil {
		live.AdmittedShare, live.AwaitsCheck, live.ClosesAt = t.AdmittedShare, t.AwaitsCheck, t.ClosesAt
		live.Successes, live.Slow, live.Performance.Slowest = t.Successes, t.Slow, t.Slowest
		live.At = t.At
		v.Instances, v.NearInstance = t.Instances, t.NearInstance
	}
	if live.State == switchgear.Closed {
		v.TripEventID = 0
	}
	if live.Outage == nil {
		v.OutageEventID = 0
	}
	v.Breaker = live
	return v
}

// mirror is the guard of a member that runs elsewhere: it takes no orders, which
// never come so far.
type mirror struct{ s *member }

var errMirror = &Error{Kind: NotLeader, Op: "order", Err: &NotLeaderError{}}

func (g mirror) Snapshot() switchgear.Snapshot     { return g.s.shown.Breaker }
func (g mirror) Operations() switchgear.Operations { return g.s.shown.Breaker.Operations }
func (g mirror) Counts() switchgear.Counts         { return switchgear.Counts{} }
func (g mirror) Exemplars() []Exemplar             { return nil }
func (g mirror) Health() switchgear.Health         { return g.s.shown.Health }
func (g mirror) Running() bool                     { return g.s.shown.Running }
func (g mirror) HasCheck() bool                    { return g.s.def.HealthCheck != nil }

func (g mirror) Configure(switchgear.Config) error                       { return errMirror }
func (g mirror) Override(switchgear.Override) error                      { return errMirror }
func (g mirror) EndOverride(switchgear.Order) error                      { return errMirror }
func (g mirror) Reset(switchgear.State, switchgear.Order) error          { return errMirror }
func (g mirror) Restore(switchgear.Snapshot) error                       { return errMirror }
func (g mirror) RestoreHealth(switchgear.Health)                         {}
func (g mirror) Start()                                                  {}
func (g mirror) Stop(context.Context) error                              { return nil }
func (g mirror) observe(*Manager, *member) []func()                      { return nil }
func (g mirror) reachable() error                                        { return errMirror }
func (g mirror) removable() error                                        { return errMirror }
func (g mirror) countable() error                                        { return errMirror }
func (g mirror) quiet(*member, time.Time) bool                           { return true }
func (g mirror) keep(*ServiceState)                                      {}
func (g mirror) census(time.Time) census                                 { return census{Instances: g.s.shown.Instances} }
func (g mirror) afterReset(live reading, _ switchgear.State) reading     { return live }
func (g mirror) answered(context.Context, time.Duration) (string, error) { return "", errMirror }

func (g mirror) CheckHealth(context.Context) (switchgear.Health, error) {
	return switchgear.Health{}, errMirror
}
