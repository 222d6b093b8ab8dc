package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// Deps are what a Manager works with.
type Deps struct {
	Store  Store        // required
	Logger *slog.Logger // nil: nothing is logged

	// NewProbe makes the health check of a probed service, as the file or
	// somebody over the API has declared it; nil: there are no such services.
	NewProbe func(hc config.HealthCheck, by Source) (Probe, error)

	// AroundCheck makes of the health check of a probed service the one that is
	// run, to see to it that it is traced, for example. nil: it is run as it is.
	AroundCheck func(service string, check func(context.Context) error) func(context.Context) error

	// AdmitCheck judges a health check that somebody declares over the API. Its
	// error, which may name bad fields, refuses the declaration. nil: all are
	// admitted.
	AdmitCheck func(hc config.HealthCheck) error

	// OnTokens is called with all tokens, in New and after each change, in
	// order. It must be quick and must not call the manager. nil: nobody asks.
	OnTokens func([]Token)

	// OnRole is called with each change of the role of a manager among several,
	// in order, once the manager acts accordingly; the first role is Following,
	// which is not told. It must be quick and must not call what waits for the
	// manager. nil: nobody asks.
	OnRole func(RoleChange)

	// Bus carries hints between several managers; nil: each looks into the store
	// once a second. It is not the manager's to close.
	Bus Bus
}

// Probe is a health check from outside. The manager calls Check in one
// goroutine at a time, with a deadline, and Close when the service is gone.
type Probe interface {
	Check(ctx context.Context) error
	Close() error
}

// Config is how a Manager works. The zero Config is a good one.
type Config struct {
	// MaxServices caps the services. Default 20 000.
	MaxServices int

	// Node makes the manager one of several that share a ClusterStore.
	Node Node

	// FlushInterval is how long statistics may be younger in the store than
	// in memory. Default 5 s.
	FlushInterval time.Duration

	// MaxAgents caps the agents that are connected. Default 10 000.
	MaxAgents int

	// MaxAgentServices caps the services of an agent. Default 1 000.
	MaxAgentServices int

	// ForgetInstances is after how long an instance is forgotten of which nothing
	// was heard, unless it is the last of its service. What it has counted stays.
	// Default 1 h.
	ForgetInstances time.Duration

	// Quorums are the fleet rules, which SetQuorums changes. By default there are
	// none.
	Quorums config.Quorums
}

const (
	defaultMaxServices   = 20_000
	defaultFlushInterval = 5 * time.Second

	// refreshInterval is how often statistics are told at most.
	refreshInterval = time.Second

	// maxWaiting is how many changes wait for the sequencer. Above it, orders
	// are refused, and observers wait, which delays no operation.
	maxWaiting = 4096

	// maxBatch is how many changes share a transaction.
	maxBatch = 512

	storeTimeout = 2 * time.Second

	// shutdownTimeout is how long all that Run does may take when its context
	// has ended, and stopTimeout how much of that the health checks may.
	shutdownTimeout = 5 * time.Second
	stopTimeout     = 2 * time.Second
)

// Manager is the central authority over services: it holds their states, runs
// their health checks, keeps their history, applies orders, and tells whoever
// watches. All methods are safe for concurrent use. What changes something
// waits for Run.
type Manager struct {
	store      Store
	log        *slog.Logger
	newProbe   func(config.HealthCheck, Source) (Probe, error)
	around     func(string, func(context.Context) error) func(context.Context) error
	admitCheck func(config.HealthCheck) error
	onTokens   func([]Token)
	cfg        Config
	epoch      string
	began      time.Time // by a clock that nobody sets
	agents     processes
	quorums    atomic.Pointer[config.Quorums]

	cluster   ClusterStore // nil: the manager is alone
	bus       Bus
	onRole    func(RoleChange)
	role      atomic.Uint32
	leaseSeen atomic.Pointer[sighting]
	leaveBus  func() // ends the hints; nil: there are none
	parting   sync.Once
	settling  settling
	woken     chan struct{} // there may be something to fetch
	fetching  atomic.Uint64 // how many fetches have begun,
	fetched   atomic.Uint64 // and the newest that has ended well
	fetchAt   atomic.Int64  // the uptime when the last began
	through   atomic.Uint64 // of the leader: nothing waits with a seq up to it
	reserved  atomic.Uint64 // of the leader: it gives no seq above it

	changes chan *change
	done    chan struct{} // closed when Run has ended, or Close was called
	ending  sync.Once     // of what comes first of them

	// The sequencer's alone.
	running    bool
	term       uint64           // of the lease; a member of another does not count
	deposed    bool             // the lease is another's
	failedAt   time.Time        // when the lead could not be taken up; another tries first
	cursor     uint64           // of a follower: it has everything of the store up to it
	joined     bool             // it has loaded once
	stale      bool             // of a follower: it does not know what the store has
	revision   uint64           // of the tokens that are known
	soon       map[*member]bool // whose rows are to be written soon
	soonC      <-chan time.Time // when
	arriving   int              // services that come in with the present batch
	lastSeq    uint64
	backlog    []*change // what is in force and the store has not taken
	unsure     *attempt  // what it may have taken
	storeRetry time.Time // when to try again
	versions   map[string]int
	restored   map[string]*remembered // rows that nobody has claimed yet

	mu       sync.RWMutex
	members  map[string]*member
	users    map[string]map[string]bool // by service, those that depend on it
	seq      uint64                     // of the last change that was told
	told     chan struct{}              // closed and replaced whenever something was told
	another  chan struct{}              // closed and replaced when another leads
	watchers []*watcher
	storeErr error
	tokens   []Token // the oldest first
	stopping bool    // what is stored of a service is how it was before

	dropped       uint64 // events lost because the store did not take them
	alertsDropped uint64 // alerts, and messages to be delivered, likewise
	abandoned     uint64 // changes that a store which was well refused for good
	storeFailures uint64 // writes that the store did not take

	readiness readiness

	turnedAway atomic.Uint64 // services refused because of the cap
	waiting    atomic.Int64  // how many are in the backlog
	crowdedOut atomic.Uint64 // orders refused because too many changes waited
	unheard    atomic.Uint64 // transitions that came so fast that none was told of
	commits    timed         // the store's
	checksLate timed         // how long after their time health checks began
	refusals   refusals
	unsaved    unsaved

	retiring sync.WaitGroup // services that were taken out and are stopping
}

type watcher struct{ tell func(Change) }

// Change is something that was told: an event, an alert that began, changed or
// ended, or a service's new state, or its removal. One that is none of these says
// that everything up to its Seq was told. Seqs rise, but that a manager which
// follows another tells a removal with the seq of its event.
type Change struct {
	Seq     uint64
	Service string
	Event   *Event
	Alert   *Alert
	View    *View
	Removed bool
}

// New makes a manager that knows what the store remembers. The services that
// were declared over the API are there at once; those of the config file come
// back with ApplyFile and those of programs with Register. Close a manager whose
// Run is not called.
func New(ctx context.Context, deps Deps, cfg Config) (*Manager, error) {
	if deps.Store == nil {
		return nil, errors.New("fleet: a manager needs a store")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxServices == 0 {
		cfg.MaxServices = defaultMaxServices
	}
	if cfg.FlushInterval == 0 {
		cfg.FlushInterval = defaultFlushInterval
	}
	cfg.MaxAgents = cmp.Or(cfg.MaxAgents, defaultMaxAgents)
	cfg.MaxAgentServices = cmp.Or(cfg.MaxAgentServices, defaultMaxAgentServices)
	cfg.ForgetInstances = cmp.Or(cfg.ForgetInstances, defaultForgetInstances)
	m := &Manager{
		store: deps.Store, log: deps.Logger, newProbe: deps.NewProbe, around: deps.AroundCheck, admitCheck: deps.AdmitCheck, onTokens: deps.OnTokens, cfg: cfg, epoch: rand.Text(), began: time.Now(),
		bus: deps.Bus, onRole: deps.OnRole, woken: make(chan struct{}, 1),
		changes: make(chan *change, maxWaiting), done: make(chan struct{}),
		members: make(map[string]*member), users: make(map[string]map[string]bool), told: make(chan struct{}), another: make(chan struct{}),
	}
	m.SetQuorums(cfg.Quorums)
	if cfg.Node.ID != "" {
		return m, m.joinCluster(ctx)
	}
	stored, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	m.seq, m.lastSeq = stored.Seq, stored.Seq
	m.restoreDeclared(ctx, stored.Instances)
	return m, nil
}

// load has the manager know what the store does, services apart.
func (m *Manager) load(ctx context.Context) (Stored, error) {
	stored, err := m.store.Load(ctx)
	if err != nil {
		return stored, err
	}
	tokens, err := m.store.Tokens(ctx)
	if err != nil {
		return stored, err
	}
	if m.versions = stored.Versions; m.versions == nil {
		m.versions = make(map[string]int)
	}
	m.restored = remember(stored.Services)
	m.mu.Lock()
	m.tokens = tokens
	m.mu.Unlock()
	m.tellTokens()
	return stored, nil
}

// Epoch names this run of the manager: a seq means nothing in another.
func (m *Manager) Epoch() string { return m.epoch }

// all are the members, by name.
func (m *Manager) all() []*member {
	m.mu.RLock()
	defer m.mu.RUnlock()
	all := make([]*member, 0, len(m.members))
	for _, s := range m.members {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	return all
}

func (m *Manager) member(op, name string) (*member, error) {
	if !switchgear.ValidName(name) {
		return nil, errorf(Invalid, op, "%q is no name of a service: it must match [a-z0-9][a-z0-9_.:-]{0,127}", name)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s := m.members[name]; s != nil {
		return s, nil
	}
	return nil, errorf(NotFound, op, "there is no service %q", name)
}

// Services are the states of all services, by name.
func (m *Manager) Services() []View {
	all := m.all()
	views := make([]View, len(all))
	for i, s := range all {
		views[i] = m.view(s)
	}
	return views
}

// Service is the state of one; NotFound if there is none, Invalid for a name
// that cannot be one.
func (m *Manager) Service(name string) (View, error) {
	s, err := m.member("service", name)
	if err != nil {
		return View{}, err
	}
	return m.view(s), nil
}

// view is what can be told of a service now: its present state, unless that
// has not been told yet, for it is not durable; then what was told last.
func (m *Manager) view(s *member) View {
	live := s.guard.Snapshot()
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s.mirrored || s.shown != nil && !s.told(&live) {
		return *s.shown
	}
	return m.viewOf(s, live)
}

// viewOf is the state of a service whose breaker is as the snapshot says. The
// mutex is held, to read at least.
func (m *Manager) viewOf(s *member, live switchgear.Snapshot) View {
	v := View{
		Service: s.name, Running: s.guard.Running() || s.own && m.stopping,
		Layer: s.def.Layer, Description: s.def.Description, Dependencies: s.def.Dependencies, Source: s.source,
		Breaker: live, TripEventID: s.tripEvent, OutageEventID: s.outageEvent, Health: s.guard.Health(),
		Config: s.config, ConfigVersion: s.version, DiffersFromFile: s.differs,
		HealthCheck: s.def.HealthCheck, ReportInterval: s.def.ReportInterval,
		Alerts: s.def.Alerts,
	}
	who := s.guard.census(live.At)
	v.Instances, v.NearInstance = who.Instances, who.near
	if live.State == switchgear.Closed {
		v.TripEventID = 0
	}
	if live.Outage == nil {
		v.OutageEventID = 0
	}
	silent := who.silent
	if s.crowd == nil {
		if v.IsOpen() {
			v.Instances.Open = 1
		}
		if silent = s.silent(live.At); silent {
			v.Instances.Stale = 1
		}
	}
	var failing []string
	for _, name := range s.def.Dependencies {
		if d := m.members[name]; d != nil && d.shown != nil && d.shown.Status.fails() {
			failing = append(failing, name)
		}
	}
	v.Status = statusOf(&v, silent, failing)
	return v
}

// Watch calls tell with every change after the returned states, in order and
// without a gap: the states are those at seq. tell is called under a lock of
// the manager's: it must be quick and must not call the manager. stop ends it.
func (m *Manager) Watch(tell func(Change)) (seq uint64, states []View, stop func()) {
	w := &watcher{tell}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.members {
		if s.shown != nil {
			states = append(states, *s.shown)
		}
	}
	slices.SortFunc(states, func(a, b View) int { return strings.Compare(a.Service, b.Service) })
	m.watchers = append(m.watchers, w)
	return m.seq, states, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.watchers = slices.DeleteFunc(m.watchers, func(o *watcher) bool { return o == w })
	}
}

// Events is the history, newest first.
func (m *Manager) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	events, err := m.store.Events(ctx, q)
	for i := range events {
		events[i].Durable = true
	}
	return events, err
}
