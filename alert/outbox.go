package alert

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

const (
	// maxWaiting is how many messages wait for all receivers together, and
	// maxWaitingBytes how much there is to them. Above it the oldest repeats go
	// first, then the oldest that say what is over, and then the oldest.
	maxWaiting      = 10_000
	maxWaitingBytes = 64 << 20

	// givenUpAfter is when a message is too old to be of use to anybody. leastTries
	// is how often its receiver was tried then, at least, and leastGone how long
	// one that is not there was waited for, where only the wall clock knows how
	// old the message is: that clock can be wrong.
	givenUpAfter = 24 * time.Hour
	leastTries   = 20
	leastGone    = time.Hour
)

// outbox is what receivers have yet to get, and who brings it to them.
type outbox struct {
	store fleet.AlertStore
	log   *slog.Logger

	// state is what a mirror is to show.
	state func(t *target, now time.Time) (firing, ended []fleet.Alert)

	mu      sync.Mutex
	link    string
	lines   map[string]*line // by receiver: also of those that are not there any more
	waiting int
	bytes   int
	dropped time.Time       // when it was last logged that some were
	unsure  map[string]bool // by ID, whether it is done: the store may not have got it yet
	done    []string        // to be told to the store,
	tried   map[string]fleet.Delivery
	ctx     context.Context //nolint:containedctx // of Run, for receivers that come later; nil: it does not run
	served  sync.WaitGroup  // those who bring
	keeper  sync.WaitGroup  // who tells the store

	settling chan struct{} // there is something to tell the store
}

// line is what waits for one receiver, in order.
type line struct {
	name   string
	target *target // nil: it is not there any more
	stop   context.CancelFunc
	queue  []*parcel
	wake   chan struct{}
	turn   chan struct{} // holds who sends

	failing  time.Time     // since when all fails; zero: it does not
	failures int           // in a row
	until    time.Time     // when to try again
	tries    int           // since the start that did not succeed
	behind   bool          // a mirror that does not show the present state
	probes   []fleet.Alert // test alerts of a mirror
	showing  uint64        // the sum of what a mirror was given last,
	shown    uint64        // and of what it took last

	stats wire.Receiver
}

// parcel is one message that waits.
type parcel struct {
	fleet.Delivery

	stored  bool      // by an earlier process
	came    time.Time // to this process
	before  int       // the receiver's tries then, less those of the message
	sending bool
	held    time.Time // until when it keeps back its incident, because it was refused
}

func newOutbox(store fleet.AlertStore, log *slog.Logger) *outbox {
	return &outbox{
		store: store, log: log, lines: make(map[string]*line), unsure: make(map[string]bool), tried: make(map[string]fleet.Delivery),
		settling: make(chan struct{}, 1),
	}
}

// line is the one of a receiver. The mutex is held.
func (o *outbox) line(name string) *line {
	l := o.lines[name]
	if l == nil {
		l = &line{name: name, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
		o.lines[name] = l
	}
	return l
}

// configure puts other receivers in force.
func (o *outbox) configure(targets []*target, link string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.link = link
	there := make(map[string]bool)
	for _, t := range targets {
		there[t.Name] = true
		l := o.line(t.Name)
		if l.target != nil && (l.target.Mirror == nil) != (t.Mirror == nil) {
			l.end()
		}
		l.target, l.behind = t, true
		l.failing, l.failures, l.until = time.Time{}, 0, time.Time{}
		o.open(o.ctx, l)
		poke(l.wake)
	}
	for name, l := range o.lines {
		if !there[name] {
			l.end()
			l.target = nil
		}
	}
}

// start lets receivers be served until ctx ends.
func (o *outbox) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	o.keeper.Go(func() { o.keep(ctx) })
	for _, l := range o.lines {
		o.open(ctx, l)
	}
}

// wait waits until all that start began has ended.
func (o *outbox) wait() { o.keeper.Wait() }

// open begins to serve a receiver, if it is there and not served.
func (o *outbox) open(ctx context.Context, l *line) {
	if ctx == nil || l.stop != nil || l.target == nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	l.stop = stop
	if l.target.Mirror != nil {
		o.served.Go(func() { o.mirror(ctx, l) })
	} else {
		o.served.Go(func() { o.deliver(ctx, l) })
	}
}

func (l *line) end() {
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// load takes in messages that an earlier process left.
func (o *outbox) load(deliveries []fleet.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range deliveries {
		o.take(&deliveries[i], true)
	}
	o.bound()
}

// take puts a message into the queue. The mutex is held.
func (o *outbox) take(d *fleet.Delivery, stored bool) {
	l := o.line(d.Receiver)
	l.queue = append(l.queue, &parcel{Delivery: *d, stored: stored, came: time.Now(), before: l.tries - d.Attempts})
	l.stats.Waiting++
	o.waiting++
	o.bytes += len(d.Alerts)
	poke(l.wake)
}

// add takes in messages that are stored, or, where they are not durable, will be.
// It is called when alerts have been told, too, for mirrors.
func (o *outbox) add(deliveries []fleet.Delivery, durable bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if durable {
		o.caughtUp()
	}
	for i := range deliveries {
		d := &deliveries[i]
		o.take(d, false)
		if !durable && len(o.unsure) < maxUnsettled {
			o.unsure[d.ID] = false
		}
	}
	o.bound()
	for _, l := range o.lines {
		if l.target != nil && l.target.Mirror != nil {
			l.behind = true
			poke(l.wake)
		}
	}
}

// bound lets go of what is too much.
func (o *outbox) bound() {
	for o.waiting > maxWaiting || o.bytes > maxWaitingBytes {
		if !o.dropOne() {
			return
		}
	}
}

// dropOne lets go of the message that is missed least.
func (o *outbox) dropOne() bool {
	rank := func(p *parcel) int {
		switch Reason(p.Kind) { //nolint:exhaustive // the others are missed
		case Repeat:
			return 0
		case Resolved:
			return 1
		}
		return 2
	}
	var from *line
	var least *parcel
	for _, l := range o.lines {
		for _, p := range l.queue {
			if p.sending {
				continue
			}
			if least == nil || rank(p) < rank(least) || rank(p) == rank(least) && p.ID < least.ID {
				from, least = l, p
			}
		}
	}
	if least == nil {
		return false
	}
	o.remove(from, least)
	from.stats.Dropped++
	if now := time.Now(); now.Sub(o.dropped) > time.Minute {
		o.dropped = now
		o.log.Error("too many messages wait for receivers: some are dropped",
			slog.String("receiver", from.name), slog.Int("waiting", o.waiting), slog.Uint64("dropped", from.stats.Dropped))
	}
	return true
}

// remove takes a message that is done out of the queue, and out of the store.
func (o *outbox) remove(l *line, p *parcel) {
	i := slices.Index(l.queue, p)
	if i < 0 {
		return
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	l.stats.Waiting--
	o.waiting--
	o.bytes -= len(p.Alerts)
	if _, unsure := o.unsure[p.ID]; unsure {
		o.unsure[p.ID] = true
	}
	o.settle(p.ID)
}

// message is what a receiver is given of a delivery.
func message(d *fleet.Delivery, link string) (Message, error) {
	m := Message{ID: d.ID, Reason: Reason(d.Kind), Incident: d.Incident, Link: link}
	if err := json.Unmarshal(d.Alerts, &m.Alerts); err != nil {
		return Message{}, err
	}
	if len(m.Alerts) > 0 {
		m.Root = m.Alerts[0].Root
	}
	return m, nil
}
