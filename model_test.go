package switchgear

import (
	"math"
	"slices"
	"time"
)

// model is the breaker of the laws: slow, small, and right where one looks at
// it. It is driven by one goroutine, knows one clock, keeps everything that
// happened and counts it again each time. Times are since it was made.
//
// Three things the laws leave open. The model takes them from the transition
// that it is shown, and fails it where the laws do not allow it: the drawn part
// of the jitter, what the window counts of an age between nine tenths of it and
// the whole, and which operations a share admits.
type model struct {
	cfg      Config // resolved
	checked  bool   // there is a health check
	start    time.Time
	now      time.Duration
	witness  func(number uint64) (Transition, bool)
	problems []string

	state       State
	generation  int
	override    *Override
	overrideEnd time.Duration

	events []event // of the window
	streak int
	totals Operations

	opened, until, openTime time.Duration
	held                    time.Duration // until when an open circuit is held
	drawn                   float64
	asked                   time.Duration
	trip                    string
	outage                  *modelOutage
	attempts, failed        int
	openedAt                time.Duration // as it is shown: it moves with the wall clock
	lastFailure             time.Duration
	lastSuccess             time.Duration
	lastReset               time.Duration
	lastAttempt             time.Duration

	number uint64
	log    []edge

	recovery *modelRecovery // in half-open in mode auto

	made     time.Duration  // when the breaker was, whose clock cuts the slices
	watching []*modelPermit // in flight, and slow before they end
}

const notYet = time.Duration(math.MinInt64)

// event is an outcome in the window. What is known of its time is exact until
// the window's length changes, which moves it by a tenth of the old one at
// most.
type event struct {
	early, late   time.Duration
	failure, slow bool
	perhaps       bool // it may have left the window already
}

// edge is a transition as the model knows it.
type edge struct {
	number   uint64
	from, to State
	at       time.Duration
	rules    []string // one of them is the evidence's
	by       Order
	attempt  int
	version  int
	inFlight [2]int // at least, at most
	openTime time.Duration
	counts   [3]span3
	outage   *modelOutage // that it is in, or was until then
}

// span3 is a number that is not known exactly.
type span3 struct{ low, high uint64 }

func exactly(n int) span3 { return span3{uint64(n), uint64(n)} }

type modelRecovery struct {
	began        time.Duration
	timeout      time.Duration
	awaitsCheck  bool
	firstSuccess time.Duration
	second       int // the last second that admitted its operation
	failures     int
	successes    int
	latest       []bool // failures among the outcomes of operations
	inFlight     []*modelPermit
}

// modelPermit is an operation that was let in.
type modelPermit struct {
	generation  int
	start       time.Duration
	probe       bool
	expires     time.Duration // of a recovery's
	contextEnds time.Duration // the deadline of its context; 0 is none
	expired     bool
	settled     bool

	slowAt time.Duration // of one that is watched
	hangs  *event        // since it is slow
}

// ended is how an operation ended.
type ended struct {
	kind  Outcome
	took  time.Duration
	asked time.Duration
	slow  bool
}

func newModel(cfg Config, checked bool, witness func(uint64) (Transition, bool)) *model {
	return &model{
		cfg: resolve(cfg), checked: checked, start: time.Now(), witness: witness,
		lastFailure: notYet, lastSuccess: notYet, lastReset: notYet, lastAttempt: notYet, openedAt: notYet,
	}
}

// resolve puts the defaults in that depend on other fields, and zeros where a
// negative value says them. The tests say everything else.
func resolve(c Config) Config {
	c.MinHealthyPeriod = max(c.MinHealthyPeriod, 0)
	c.Jitter = max(c.Jitter, 0)
	if c.ProbeTimeout == 0 {
		c.ProbeTimeout = c.ResetTimeout
	}
	if c.MaxResetTimeout == 0 {
		c.MaxResetTimeout = max(c.ResetTimeout, c.MonitoringWindow)
	}
	return c
}

func (m *model) mode() Mode {
	switch {
	case m.override != nil:
		return m.override.Mode
	case m.cfg.Disabled:
		return Disabled
	}
	return Auto
}

func (m *model) rejecting() bool {
	return m.mode() == ForcedOpen || m.mode() == Auto && m.state == Open
}

// allow says whether an operation may run: yes, no, or either.
func (m *model) allow() (yes, no bool) {
	r := m.recovery
	switch {
	case m.rejecting():
		return false, true
	case m.mode() != Auto || m.state == Closed:
		return true, false
	case r.awaitsCheck:
		return false, true
	case r.firstSuccess == notYet:
		free := r.probe() == nil
		return free, !free
	case m.second() > r.second:
		return true, false
	}
	share := m.share()
	return true, share < 1
}

// second is the number of the second of the recovery, from 1.
func (m *model) second() int { return int((m.now-m.recovery.firstSuccess)/time.Second) + 1 }

func (m *model) share() float64 {
	r := m.recovery
	switch {
	case m.rejecting():
		return 0
	case m.mode() != Auto || m.state == Closed:
		return 1
	case r.awaitsCheck || r.firstSuccess == notYet:
		return 0
	case len(m.cfg.RecoverySteps) == 0:
		return 1
	}
	n := len(m.cfg.RecoverySteps)
	part := m.cfg.MinHealthyPeriod / time.Duration(n)
	for i := range n - 1 {
		if m.now < r.firstSuccess+part*time.Duration(i+1) {
			return m.cfg.RecoverySteps[i]
		}
	}
	return m.cfg.RecoverySteps[n-1]
}

func (r *modelRecovery) probe() *modelPermit {
	for _, p := range r.inFlight {
		if p.probe && !p.settled && !p.expired {
			return p
		}
	}
	return nil
}

// admit lets an operation in.
func (m *model) admit() *modelPermit {
	p := &modelPermit{generation: m.generation, start: m.now}
	r := m.recovery
	if r == nil {
		if m.slowRule() {
			eighth := m.cfg.SlowCallDuration / 8
			p.slowAt = m.now - (m.now-m.made)%eighth + eighth + m.cfg.SlowCallDuration
			m.watching = append(m.watching, p)
		}
		return p
	}
	if r.firstSuccess == notYet {
		p.probe, p.expires = true, m.now+r.timeout
	} else {
		// Counted by slices of an eighth of the timeout.
		age := m.now - r.firstSuccess
		p.expires = m.now - age%(r.timeout/8) + r.timeout/8 + r.timeout
		r.second = max(r.second, m.second())
	}
	r.inFlight = append(r.inFlight, p)
	return p
}

func (m *model) reject() { m.totals.Rejected++ }

// settle ends an operation that was let in.
func (m *model) settle(p *modelPermit, e ended) {
	if p.settled {
		return
	}
	p.settled, p.hangs = true, nil
	m.count(e.kind)
	if p.generation == m.generation && !p.expired {
		m.outcome(e)
	}
}

// record is an outcome without a permit.
func (m *model) record(e ended) {
	m.count(e.kind)
	m.outcome(e)
}

func (m *model) count(kind Outcome) {
	switch kind {
	case Success:
		m.totals.Successful++
	case Failure:
		m.totals.Failed++
	case Ignored:
		m.totals.Ignored++
	}
}

// outcome lets an outcome of this generation move the state.
func (m *model) outcome(e ended) {
	if e.kind == Ignored {
		return
	}
	m.note(e.kind)
	switch {
	case m.mode() != Auto || m.state == Closed:
		m.countInWindow(e)
	case m.state == HalfOpen && (e.kind == Failure || e.slow):
		m.recoveryFailed(RuleRecoveryFailure, true, e.asked)
	case m.state == HalfOpen:
		m.recovery.latest = append(m.recovery.latest, false)
		m.recoverySucceeded()
	}
}

func (m *model) note(kind Outcome) {
	if kind == Failure {
		m.lastFailure = m.now
	} else {
		m.lastSuccess = m.now
	}
}

func (m *model) countInWindow(e ended) {
	m.streak++
	if e.kind == Success {
		m.streak = 0
	}
	m.events = append(m.events, event{m.now, m.now, e.kind == Failure, e.slow, false})
	if m.mode() == Auto && (e.kind == Failure || e.slow) {
		m.judge(e)
	}
}

// watched are the operations that are in flight and watched.
func (m *model) watched() []*modelPermit {
	m.watching = slices.DeleteFunc(m.watching, func(p *modelPermit) bool {
		return p.settled || p.generation != m.generation
	})
	return m.watching
}

// becomeSlow is what the clock does to operations in flight.
func (m *model) becomeSlow() {
	for _, p := range m.watched() {
		if p.slowAt == m.now && p.hangs == nil {
			p.hangs = &event{early: m.now, late: m.now}
		}
	}
	if m.mode() == Auto && m.state == Closed {
		m.judge(ended{kind: Ignored, slow: true})
	}
}

// window counts what must be in the window, and what may be. The slow ones are
// among the others; those that hang are neither failures nor successes yet.
func (m *model) window() (failures, successes, slow, hanging span3) {
	length := m.cfg.MonitoringWindow
	events := slices.Clone(m.events)
	for _, p := range m.watched() {
		if p.hangs != nil {
			events = append(events, *p.hangs)
		}
	}
	for i, e := range events {
		must := !e.perhaps && m.now-e.early < length-length/10
		may := m.now-e.late < length
		add := func(n *span3) {
			if must {
				n.low++
			}
			if may {
				n.high++
			}
		}
		switch {
		case i >= len(m.events):
			add(&hanging)
		case e.failure:
			add(&failures)
		default:
			add(&successes)
		}
		if e.slow || i >= len(m.events) {
			add(&slow)
		}
	}
	return failures, successes, slow, hanging
}

// judge opens the circuit where the rule of section 2 is true.
func (m *model) judge(e ended) {
	f, s, slow, hanging := m.window()
	total := span3{f.low + s.low + hanging.low, f.high + s.high + hanging.high}
	var must bool
	var rules []string
	rule := func(name string, surely, perhaps bool) {
		must = must || surely
		if perhaps {
			rules = append(rules, name)
		}
	}
	least, rate := uint64(m.cfg.MinimumOperations), m.cfg.FailureRateThreshold
	threshold := uint64(m.cfg.FailureThreshold)
	switch {
	case e.kind != Failure:
	case rate == 0:
		rule(RuleFailureThreshold, f.low >= threshold, f.high >= threshold)
	default:
		rule(RuleFailureRate,
			f.low >= threshold && f.low+s.low >= least && float64(f.low) >= rate*float64(f.low+s.high),
			f.high >= threshold && f.high+s.high >= least && float64(f.high) >= rate*float64(f.high+s.low))
	}
	if row := m.cfg.ConsecutiveFailureThreshold; e.kind == Failure && row > 0 {
		rule(RuleConsecutiveFailures, m.streak >= row, m.streak >= row)
	}
	if share := m.cfg.SlowCallRateThreshold; e.slow {
		rule(RuleSlowCalls,
			total.low >= least && float64(slow.low) >= share*float64(total.high),
			total.high >= least && float64(slow.high) >= share*float64(total.low))
	}
	if !must {
		w, ok := m.witness(m.number + 1)
		if !ok || len(rules) == 0 || w.To != Open || w.At.Sub(m.start) != m.now {
			return
		}
	}
	m.open(rules, e.asked, Order{}, f, s, slow)
}
