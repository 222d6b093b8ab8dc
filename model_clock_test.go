package switchgear

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// advance lets the clock run to a time and does what becomes due, one thing
// after the other.
func (m *model) advance(to time.Duration) {
	for {
		due, do := to, func() {}
		found := false
		// Of what is due at once the first in this list comes first.
		consider := func(at time.Duration, then func()) {
			if at <= to && (!found || at < due) {
				due, do, found = at, then, true
			}
		}
		if m.override != nil {
			consider(m.overrideEnd, func() {
				m.endOverride(Order{Actor: m.override.Actor, Reason: m.override.Reason})
			})
		}
		for _, p := range m.watched() {
			if p.hangs == nil {
				consider(p.slowAt, m.becomeSlow)
			}
		}
		if m.mode() == Auto && m.state == Open {
			consider(m.nextAttempt(), func() { m.beginRecovery(RuleResetTimeout, Order{}) })
		}
		if r := m.recovery; r != nil {
			for _, p := range r.inFlight {
				switch {
				case p.settled || p.expired:
					continue
				case p.probe && p.contextEnds != 0:
					consider(p.contextEnds, func() { m.settle(p, ended{kind: Failure}) })
				}
				consider(p.expires, func() { m.expire(p) })
			}
			if r.firstSuccess != notYet {
				consider(r.firstSuccess+m.cfg.MinHealthyPeriod, func() { m.close(RuleMinHealthyPeriod, Order{}) })
			}
		}
		m.now = max(m.now, due)
		if do(); !found {
			return
		}
	}
}

// expire is an operation of the recovery that did not end in time. Only that of
// the probe is settled by it.
func (m *model) expire(p *modelPermit) {
	p.expired = true
	m.lastFailure = m.now
	if p.probe {
		m.count(Failure)
	}
	m.recoveryFailed(RuleProbeTimeout, true, 0)
	p.settled = p.probe
}

func (m *model) recoverySucceeded() {
	r := m.recovery
	r.successes++
	if r.firstSuccess == notYet {
		r.firstSuccess = m.now
	}
	m.advance(m.now)
}

func (m *model) recoveryFailed(rule string, operation bool, asked time.Duration) {
	r := m.recovery
	r.failures++
	if operation {
		r.latest = append(r.latest, true)
	}
	if r.failures < m.cfg.HalfOpenFailureThreshold {
		return
	}
	if rate := m.cfg.FailureRateThreshold; operation && rate > 0 && r.firstSuccess != notYet {
		latest := r.latest[max(0, len(r.latest)-100):]
		failures := 0
		for _, failure := range latest {
			if failure {
				failures++
			}
		}
		if len(latest) < min(m.cfg.MinimumOperations, 10) || float64(failures) < rate*float64(len(latest)) {
			return
		}
	}
	f, s := exactly(r.failures), exactly(r.successes)
	m.failed++
	m.open([]string{rule}, asked, Order{}, f, s, span3{})
}

func (m *model) open(rules []string, asked time.Duration, by Order, counts ...span3) {
	w, ok := m.witness(m.number + 1)
	if ok && w.After != nil {
		m.drawn = w.After.JitterDrawn
	}
	if m.drawn < 0 || m.drawn >= 1 {
		m.problems = append(m.problems, fmt.Sprintf("the jitter drew %v", m.drawn))
	}
	m.asked, m.opened, m.openedAt = asked, m.now, m.now
	m.trip = w.Evidence.Rule
	if m.outage == nil {
		m.outage = &modelOutage{began: m.now, first: m.number + 1}
	}
	if m.trip != RuleFleetQuorum || m.outage.openings == 0 {
		m.outage.openings++
	}
	m.reckon()
	e := edge{rules: rules, by: by, openTime: m.openTime, attempt: m.attempts, inFlight: m.inFlight()}
	copy(e.counts[:], counts)
	m.recovery = nil
	m.move(Open, e)
}

// nextAttempt is when an open circuit begins its recovery.
func (m *model) nextAttempt() time.Duration { return max(m.until, m.held) }

// reckon says when the open time is over.
func (m *model) reckon() {
	t := float64(m.cfg.ResetTimeout)
	for range m.failed {
		t = min(t*m.cfg.BackoffMultiplier, math.MaxFloat64)
	}
	t = min(t, float64(m.cfg.MaxResetTimeout))
	longest := max(m.cfg.MaxResetTimeout, time.Hour)
	m.openTime = max(time.Duration(t*(1+m.cfg.Jitter*m.drawn)), min(m.asked, longest))
	m.until = m.opened + m.openTime
}

func (m *model) beginRecovery(rule string, by Order) {
	m.attempts++
	m.lastAttempt = m.now
	m.recover(rule, by)
}

// recover is beginRecovery under the same attempt number.
func (m *model) recover(rule string, by Order) {
	e := edge{rules: []string{rule}, by: by, attempt: m.attempts, inFlight: m.inFlight(), counts: m.counts()}
	m.recovery = nil
	if m.mode() == Auto {
		m.recovery = &modelRecovery{
			began: m.now, timeout: m.cfg.ProbeTimeout, awaitsCheck: m.checked, firstSuccess: notYet,
		}
	}
	m.move(HalfOpen, e)
}

func (m *model) close(rule string, by Order) {
	e := edge{rules: []string{rule}, by: by, attempt: m.attempts, inFlight: m.inFlight(), counts: m.counts()}
	m.recovery = nil
	m.events, m.streak, m.attempts, m.failed = nil, 0, 0, 0
	m.trip, m.openedAt = "", notYet
	m.lastReset = m.now
	m.move(Closed, e)
	m.outage = nil
}

// modelOutage is the openings since the circuit was closed.
type modelOutage struct {
	began    time.Duration // as it is shown
	first    uint64        // the number of the transition that began it
	openings int
}

// counts is what a transition's evidence counts.
func (m *model) counts() [3]span3 {
	if r := m.recovery; r != nil {
		return [3]span3{exactly(r.failures), exactly(r.successes)}
	}
	failures, successes, slow, _ := m.window()
	return [3]span3{failures, successes, slow}
}

// inFlight is how many operations of the recovery have not ended. Those given up
// some time ago may be among them.
func (m *model) inFlight() (n [2]int) {
	if m.state == Closed && m.slowRule() {
		_, _, _, hanging := m.window()
		for _, p := range m.watched() {
			if p.hangs == nil {
				n[0]++
			}
		}
		return [2]int{n[0] + int(hanging.low), n[0] + int(hanging.high)}
	}
	if m.recovery == nil {
		return [2]int{-1, -1}
	}
	for _, p := range m.recovery.inFlight {
		switch {
		case p.settled:
		case p.expired && p.expires != m.now:
			n[1]++
		default:
			n[0]++
			n[1]++
		}
	}
	return n
}

func (m *model) move(to State, e edge) {
	m.generation++
	e.from, e.to, e.at, e.version = m.state, to, m.now, m.cfg.Version
	m.state, m.held = to, 0
	if e.from == to {
		return
	}
	m.number++
	e.number = m.number
	if m.outage != nil {
		now := *m.outage
		e.outage = &now
	}
	m.log = append(m.log, e)
}

func (m *model) setOverride(o Override, end time.Duration) {
	m.override, m.overrideEnd = &o, end
	m.suspend()
}

// suspend is a mode other than auto: a recovery does not go on under it.
func (m *model) suspend() {
	if m.recovery != nil {
		m.recovery = nil
		m.generation++
	}
}

func (m *model) endOverride(by Order) {
	ended := m.override.Mode
	m.override = nil
	if ended == ForcedOpen {
		m.beginRecovery(RuleOverrideEnded, by)
	} else {
		m.close(RuleOverrideEnded, by)
	}
}

func (m *model) reset(to State, by Order) (refused bool) {
	switch {
	case m.mode() != Auto:
		return true
	case to == Closed:
		m.close(RuleReset, by)
	default:
		m.beginRecovery(RuleReset, by)
	}
	return false
}

func (m *model) follow(to State, by Order) (refused bool) {
	switch {
	case m.mode() != Auto:
		return true
	case to == Open && m.state != Open:
		counts := m.counts()
		m.open([]string{RuleFleetQuorum}, 0, by, counts[:]...)
	case to == HalfOpen && m.state == Open:
		m.beginRecovery(RuleFleetQuorum, by)
	}
	return false
}

func (m *model) hold(d time.Duration) {
	if m.mode() == Auto && m.state == Open {
		m.held = m.now + d
		m.advance(m.now)
	}
}

func (m *model) configure(cfg Config) {
	was, ruled := m.cfg, m.slowRule()
	m.cfg = resolve(cfg)
	if ruled != m.slowRule() {
		m.watching = nil
	}
	if was.MonitoringWindow != m.cfg.MonitoringWindow {
		m.rebucket(was.MonitoringWindow)
	}
	if m.state == Open {
		m.reckon()
	}
	switch {
	case m.override != nil:
	case m.cfg.Disabled && !was.Disabled:
		m.suspend()
	case !m.cfg.Disabled && was.Disabled:
		m.close(RuleEnabled, Order{})
	}
	m.advance(m.now)
}

// rebucket is a change of the window's length, or a snapshot of it: it is known
// from then on to a tenth of its length.
func (m *model) rebucket(length time.Duration) {
	m.events = slices.DeleteFunc(m.events, func(e event) bool { return m.now-e.late >= length })
	var events []*event
	for i := range m.events {
		events = append(events, &m.events[i])
	}
	for _, p := range m.watched() {
		if p.hangs != nil {
			events = append(events, p.hangs)
		}
	}
	for _, e := range events {
		e.perhaps = e.perhaps || m.now-e.early >= length-length/10
		e.early -= length / 10
		e.late = min(e.late+length/10, m.now)
	}
}

// restore is a restart: the window was rebucketed when the snapshot was taken,
// and the wall clock was set forward by jump meanwhile.
func (m *model) restore(cfg Config, jump time.Duration) {
	for i := range m.events {
		e := &m.events[i]
		e.early, e.late = min(e.early-jump, m.now), min(e.late-jump, m.now)
	}
	mode := m.mode()
	m.cfg, m.held = resolve(cfg), 0
	m.made = m.now
	m.generation++
	m.recovery = nil
	for _, shown := range []*time.Duration{&m.lastFailure, &m.lastSuccess, &m.lastReset, &m.lastAttempt, &m.openedAt} {
		if *shown != notYet {
			*shown -= jump
		}
	}
	if m.outage != nil {
		m.outage.began -= jump
	}
	m.lastSuccess = min(m.lastSuccess, m.now)
	m.overrideEnd -= jump
	left := min(max(m.until-jump-m.now, 0), m.openTime)
	m.opened, m.until = m.now-(m.openTime-left), m.now+left
	switch {
	case m.mode() != Auto:
	case mode == Disabled:
		m.close(RuleEnabled, Order{})
	case m.state == Open && left == 0:
		m.attempts = max(m.attempts, 1)
		m.lastAttempt = m.now
		m.recover(RuleResetTimeout, Order{})
	case m.state == HalfOpen:
		m.recover("", Order{})
	}
	m.advance(m.now)
}

// modelCheck is a health check that has begun.
type modelCheck struct {
	generation int
	operation  bool
}

func (m *model) checkBegan(probed bool) modelCheck {
	return modelCheck{m.generation, probed && !m.rejecting()}
}

func (m *model) checkEnded(c modelCheck, err error, took time.Duration) {
	e := ended{slow: m.slow(took)}
	if err != nil {
		e.kind = Failure
	}
	current := c.generation == m.generation
	recovering := current && m.recovery != nil
	if c.operation && !m.rejecting() {
		m.count(e.kind)
		if current {
			m.note(e.kind)
		}
		if current && !recovering {
			m.countInWindow(e)
		}
	}
	switch {
	case !recovering:
	case e.kind == Failure:
		m.recoveryFailed(RuleHealthCheck, false, 0)
	case c.operation && e.slow:
		m.recoveryFailed(RuleHealthCheck, true, 0)
	default:
		if c.operation {
			m.recovery.latest = append(m.recovery.latest, false)
		}
		m.recovery.awaitsCheck = false
		m.recoverySucceeded()
	}
}

func (m *model) slow(took time.Duration) bool {
	return m.slowRule() && took >= m.cfg.SlowCallDuration
}

func (m *model) slowRule() bool { return m.cfg.SlowCallDuration > 0 && m.cfg.SlowCallRateThreshold > 0 }
