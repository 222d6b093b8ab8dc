package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// Deps are what an Engine works with.
type Deps struct {
	Manager *fleet.Manager   // required
	Store   fleet.AlertStore // required
	Logger  *slog.Logger     // nil: nothing is logged
}

// Config is what an Engine goes by. See config.DefaultAlerts.
type Config struct {
	// Rules are what holds of all services that say nothing else; what they do
	// not say is as in config.DefaultAlertRules.
	Rules config.AlertRules

	// Receivers are where alerts are sent. Their names differ.
	Receivers []Target

	// GroupWait is how long an incident gathers alerts before it is told: twice
	// as long where its root depends on others. 0: it is told at once.
	GroupWait time.Duration

	// ResolveAfter is how long what was wrong must be right before an alert
	// ends. 0: it ends at once.
	ResolveAfter time.Duration

	// RepeatInterval is how often an incident that nobody has acknowledged is
	// told again. 0: never.
	RepeatInterval time.Duration

	// Link is the address of the dashboard, without a slash at the end.
	Link string
}

// Target is somewhere alerts are sent: a Receiver or a Mirror.
type Target struct {
	Name     string
	Kind     string // webhook, alertmanager or notify
	Receiver Receiver
	Mirror   Mirror

	// Routes are what an alert must match, all of them. A receiver gets the
	// whole of an incident of which one alert does; a mirror only those that do.
	Routes []fleet.Matcher

	// SendResolved is whether a receiver is also told what is over.
	SendResolved bool
}

// target is a Target whose routes can be asked.
type target struct {
	Target

	routes []matcher
}

const (
	// lookAfter is how long after a change of statistics services are looked at,
	// and soon how long after what is urgent.
	lookAfter = time.Second
	soon      = 50 * time.Millisecond

	// longestSleep is for what is due by the wall clock, such as the end of a
	// silence: that clock can be set while nobody looks at it.
	longestSleep = time.Minute

	// missingAfter is how long a service may take to come back after a restart
	// before its alerts end.
	missingAfter = time.Minute

	// endedFor is how long mirrors are given alerts that ended, and maxEnded how
	// many of them.
	endedFor = 15 * time.Minute
	maxEnded = 10_000
)

// Engine watches a manager's services, and tells as few people as possible what
// is wrong. All methods are safe for concurrent use. It sees what the manager
// tells from New on, and acts while Run runs.
type Engine struct {
	manager *fleet.Manager
	store   fleet.AlertStore
	log     *slog.Logger
	out     *outbox
	ids     ids
	began   time.Time
	stop    func() // ends the watch
	ending  sync.Once
	wake    chan struct{} // there is something urgent to look at
	stir    chan struct{} // there is something to look at
	pen     chan struct{} // see take

	// What the manager has told and nobody has looked at: seeing guards it
	// alone, for the manager waits for that.
	seeing sync.Mutex
	seen   map[string]*news
	dirty  []*news

	mu        sync.Mutex // before the outbox's, and never held while the manager is waited for
	cfg       Config
	rules     *ruleset // of services that say nothing
	targets   []*target
	services  map[string]*service
	timed     map[*service]struct{} // those with a due time
	incidents map[string]*incident
	roots     map[string]*incident // by the service that they come from
	firing    map[string]*fleet.Alert
	ended     []*fleet.Alert // lately, the oldest in front
	silences  map[string]*silence
	changed   map[*fleet.Alert]struct{}
	look      map[*incident]struct{} // of which something changed
	waiting   map[*incident]struct{} // those with a due time
	reviewAll bool                   // the rules have changed
	recover   bool                   // the silences have changed

	// The earliest of the due times of services and incidents, or before; and
	// when a silence begins or ends next. Zero: never.
	next, nextNotice, nextSilence time.Time
}

// New makes an Engine that goes on where the one before it ended, as the store
// has it. Close it if Run is not called. The error is the store's, or names what
// is wrong with a receiver's routes.
func New(ctx context.Context, d Deps, cfg Config) (*Engine, error) {
	if d.Manager == nil || d.Store == nil {
		return nil, errors.New("alert: a manager and a store are needed")
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		manager: d.Manager, store: d.Store, log: d.Logger, out: newOutbox(d.Store, d.Logger), began: time.Now(), wake: make(chan struct{}, 1), stir: make(chan struct{}, 1), pen: make(chan struct{}, 1),
		seen: make(map[string]*news), services: make(map[string]*service), timed: make(map[*service]struct{}),
		incidents: make(map[string]*incident), roots: make(map[string]*incident), firing: make(map[string]*fleet.Alert),
		silences: make(map[string]*silence), changed: make(map[*fleet.Alert]struct{}),
		look: make(map[*incident]struct{}), waiting: make(map[*incident]struct{}),
	}
	e.out.state = e.mirrored
	if err := e.Configure(cfg); err != nil {
		return nil, err
	}
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	e.seeing.Lock()
	seq, views, stop := d.Manager.Watch(e.see)
	e.stop = stop
	for i := range views {
		v := &views[i]
		n := &news{service: v.Service, view: v, dirty: true}
		e.seen[v.Service] = n
		e.dirty = append(e.dirty, n)
	}
	e.seeing.Unlock()
	e.loadOpenings(ctx, seq)
	return e, nil
}

// Close ends the watch of an Engine whose Run was not called.
func (e *Engine) Close() { e.ending.Do(e.stop) }

// Configure puts another config in force, at the next look. What is active stays,
// as far as the new rules have it so; what waits for a receiver that is not there
// any more waits a day for it to come back. The error names what is wrong with a
// receiver's routes; then nothing has changed.
func (e *Engine) Configure(cfg Config) error {
	targets := make([]*target, len(cfg.Receivers))
	names := make(map[string]bool)
	for i, t := range cfg.Receivers {
		if (t.Receiver == nil) == (t.Mirror == nil) || names[t.Name] {
			return fmt.Errorf("alert: the receiver %q is there twice, or is not one of a receiver and a mirror", t.Name)
		}
		names[t.Name] = true
		routes, err := compile(t.Routes)
		if err != nil {
			return fmt.Errorf("alert: the receiver %q: %w", t.Name, err)
		}
		targets[i] = &target{t, routes}
	}
	e.mu.Lock()
	e.cfg, e.targets, e.reviewAll = cfg, targets, true
	e.rules = rulesOf(cfg.Rules, cfg.ResolveAfter)
	e.mu.Unlock()
	e.out.configure(targets, cfg.Link)
	e.kick()
	return nil
}

// kick has services and incidents looked at soon.
func (e *Engine) kick() { poke(e.wake) }

// Run watches and tells until ctx ends. It returns nil when all that it started
// has ended: a message that is on its way then gets a few seconds. It is called
// once.
func (e *Engine) Run(ctx context.Context) error {
	defer e.Close()
	e.out.start(ctx)
	defer e.out.wait()
	next := time.Now() // when to look
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		within := time.Duration(0)
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
			within = soon
		case <-e.stir:
			within = lookAfter
		case <-timer.C:
			e.round(ctx)
			next = time.Now().Add(e.untilNext())
		}
		if at := time.Now().Add(within); within > 0 && at.Before(next) {
			next = at
		}
		timer.Reset(time.Until(next))
	}
}

// untilNext is how long nothing is due.
func (e *Engine) untilNext() time.Duration {
	if e.out.unsettled() {
		return lookAfter
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := sooner(sooner(e.next, e.nextNotice), e.nextSilence)
	if at.IsZero() {
		return longestSleep
	}
	return max(0, min(longestSleep, time.Until(at)))
}

// round looks at all that has changed or whose time has come, and stores and
// tells what follows from it.
func (e *Engine) round(ctx context.Context) {
	if !e.take(ctx) {
		return
	}
	defer e.give()
	for _, batch := range e.findOut(time.Now()) {
		if !e.tell(ctx, batch) {
			return
		}
	}
	if e.out.unsettled() { // an empty batch says whether the store has caught up
		e.tell(ctx, fleet.AlertBatch{})
	}
}

// findOut is what follows from what has happened until now.
func (e *Engine) findOut(now time.Time) []fleet.AlertBatch {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.takeIn(now)
	e.evaluateDue(now)
	e.silence(now)
	e.forgetEnded(now)
	return e.batches(e.notices(now))
}

// evaluateDue looks at the services whose time has come.
func (e *Engine) evaluateDue(now time.Time) {
	if e.reviewAll {
		e.reviewAll = false
		for _, s := range e.services {
			e.outfit(s)
			e.evaluate(s, now)
		}
		for _, in := range e.incidents {
			e.look[in] = struct{}{}
		}
		return
	}
	if e.next.IsZero() || now.Before(e.next) {
		return
	}
	e.next = time.Time{}
	for s := range e.timed {
		if now.Before(s.due) {
			e.next = sooner(e.next, s.due)
		} else {
			e.evaluate(s, now)
		}
	}
}

// tell hands a batch to the manager, and waits until it is stored and told, or
// the store is away: so alerts are told in the order in which they came about,
// and no more than a batch is on its way. false: ctx has ended.
func (e *Engine) tell(ctx context.Context, b fleet.AlertBatch) bool {
	told := make(chan struct{})
	deliveries := b.Deliveries
	e.manager.TellAlerts(b, func(durable bool) {
		e.out.add(deliveries, durable)
		close(told)
	})
	select {
	case <-told:
		return true
	case <-ctx.Done():
		return false
	}
}

// forgetEnded lets go of alerts that ended long ago.
func (e *Engine) forgetEnded(now time.Time) {
	n := max(len(e.ended)-maxEnded, 0)
	for n < len(e.ended) && now.Sub(e.ended[n].EndsAt) > endedFor {
		n++
	}
	if n > 0 {
		e.ended = append([]*fleet.Alert(nil), e.ended[n:]...)
	}
}
