package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// AlertKind is what an Alert is about.
type AlertKind string

// The kinds of alerts.
const (
	AlertCircuitStateChange     AlertKind = "circuit_state_change"    // the circuit opened
	AlertConsecutiveFailures    AlertKind = "consecutive_failures"    // so many in a row
	AlertRecoveryFailure        AlertKind = "recovery_failure"        // recoveries fail again and again
	AlertPerformanceDegradation AlertKind = "performance_degradation" // operations take long
	AlertServiceUnknown         AlertKind = "service_unknown"         // nothing is heard of it
	AlertFlapping               AlertKind = "flapping"                // the circuit opens again and again
)

// AlertKinds are all of them.
var AlertKinds = []AlertKind{
	AlertCircuitStateChange, AlertConsecutiveFailures, AlertRecoveryFailure, AlertPerformanceDegradation, AlertServiceUnknown, AlertFlapping,
}

// Severity is how much an Alert matters.
type Severity string

// The severities.
const (
	SeverityCritical Severity = "critical"
	SeverityWarning  Severity = "warning"
	SeverityInfo     Severity = "info"
)

// Severities are all of them, the gravest first.
var Severities = []Severity{SeverityCritical, SeverityWarning, SeverityInfo}

// Graver reports whether s matters more than o. What is no severity matters least.
func (s Severity) Graver(o Severity) bool {
	rank := func(s Severity) int {
		if i := slices.Index(Severities, s); i >= 0 {
			return i
		}
		return len(Severities)
	}
	return rank(s) < rank(o)
}

// Alert is one thing that is wrong with one service, from its beginning to its
// end.
type Alert struct {
	ID       string // of later ones higher
	Incident string // the ID of the first alert of the incident
	Kind     AlertKind
	Service  string
	Severity Severity
	Summary  string // for people

	StartsAt  time.Time
	EndsAt    time.Time // zero: it is firing
	UpdatedAt time.Time

	Root       string   // the service that the incident comes from
	Affects    []string // those that depend on the root, directly or not, by name
	Evidence   json.RawMessage
	SilencedBy []string  // the IDs of the silences that cover it
	ToldAt     time.Time // of the ID of the last message with it, which is when that was made; zero: never

	// Who has seen it, and when. Only an Acknowledgement changes these: where
	// the store has the alert already, they stay as they are there.
	AcknowledgedBy string
	AcknowledgedAt time.Time

	// Revision is the place in the stream of the alert as it is, where several
	// managers share a store. 0 elsewhere.
	Revision uint64
}

// Firing reports whether it has not ended.
func (a *Alert) Firing() bool { return a.EndsAt.IsZero() }

// Matcher says of one field of an alert what it must be.
type Matcher struct {
	Field string `json:"field"` // service, kind, severity, layer, root or incident
	Op    string `json:"op"`    // =, !=, =~ or !~
	Value string `json:"value"`
}

// Silence keeps alerts that match from being told, for a time.
type Silence struct {
	ID        string    // of later ones higher
	Matchers  []Matcher // all must match
	Reason    string
	Author    string
	StartsAt  time.Time
	EndsAt    time.Time
	CreatedAt time.Time
}

// Delivery is a message that a receiver has yet to get.
type Delivery struct {
	ID        string // of later ones higher
	Receiver  string
	Incident  string
	Kind      string          // why it was made
	Alerts    json.RawMessage // an array: what it tells
	CreatedAt time.Time
	Attempts  int
	NextAt    time.Time
	LastError string
}

// Acknowledgement is that somebody has seen alerts, or that nobody has.
type Acknowledgement struct {
	Alerts []string  // IDs
	By     string    // "": an earlier one is taken back
	At     time.Time // zero then

	Revision uint64 // that the alerts get; 0: they keep theirs
}

// AlertBatch is what a transaction writes of alerts.
type AlertBatch struct {
	Alerts       []Alert    // written, or written over but for who acknowledged them
	Silences     []Silence  // written, or written over
	Deliveries   []Delivery // new ones; one that is there stays as it is
	Acknowledged []Acknowledgement
}

func (b *AlertBatch) empty() bool {
	return len(b.Alerts)+len(b.Silences)+len(b.Deliveries)+len(b.Acknowledged) == 0
}

func (b *AlertBatch) add(o *AlertBatch) {
	b.Alerts = append(b.Alerts, o.Alerts...)
	b.Silences = append(b.Silences, o.Silences...)
	b.Deliveries = append(b.Deliveries, o.Deliveries...)
	b.Acknowledged = append(b.Acknowledged, o.Acknowledged...)
}

// AlertQuery asks for alerts, newest first.
type AlertQuery struct {
	Status   AlertStatus
	Service  string // "" is all, also of the next one
	Incident string
	Before   string // an ID: only older ones; "" is open
	Limit    int    // 1 to 1 000
}

// AlertStatus is which alerts a query asks for.
type AlertStatus uint8

// What a query can ask for.
const (
	AnyAlerts AlertStatus = iota
	FiringAlerts
	ResolvedAlerts
)

// AlertStore keeps alerts. What it writes of them, but for attempts at delivery,
// comes with [Store].Commit. Its methods are as those of Store: safe for
// concurrent use, heedful of their context, and Unavailable where the store does
// not answer.
type AlertStore interface {
	// Alerts returns what the query asks for, newest first. A limit out of its
	// range is Invalid.
	Alerts(ctx context.Context, q AlertQuery) ([]Alert, error)

	// Alert returns one; NotFound if there is none.
	Alert(ctx context.Context, id string) (Alert, error)

	// Silences returns those that end after a moment, oldest first.
	Silences(ctx context.Context, after time.Time) ([]Silence, error)

	// Deliveries returns those that wait, oldest first, and limit at most.
	Deliveries(ctx context.Context, limit int) ([]Delivery, error)

	// SettleDeliveries removes those that are done, by ID, and keeps of those
	// that were tried how often, when they are tried next, and the last error.
	// What is not there is nothing.
	SettleDeliveries(ctx context.Context, done []string, tried []Delivery) error

	// TrimAlerts removes alerts that ended before a moment, and silences too,
	// limit of each at most, and says how many it removed.
	TrimAlerts(ctx context.Context, before time.Time, limit int) (int, error)
}

// TellAlerts stores alerts that began, changed or ended and what is to be
// delivered of them, and tells the watchers: in order, after the store has them,
// or at once while it is away. The batch is the manager's from then on.
//
// then is called once when that is done, in order too; it must be quick and must
// not call the manager. durable says that the store has the batch, and all that
// was told before it. Where it is false they wait to be stored, and the next call
// with true says that they are: what of their deliveries was settled meanwhile is
// to be settled again then, for it came back. TellAlerts may wait, but not longer
// than the manager runs; when that has ended, then is not called.
func (m *Manager) TellAlerts(b AlertBatch, then func(durable bool)) {
	m.happened(&change{alerts: b.Alerts, told: then, plan: func(d *draft) error {
		d.Alerts.add(&b)
		return nil
	}})
}

// AlertOrder is an order about alerts.
type AlertOrder struct {
	Action  string // as the audit log has it
	Service string // whose alert; may be empty
	Subject string // what it makes; may be empty
	By      Actor
	Details map[string]any // for the audit log; nil: none

	// Plan is what is to be stored; its error refuses the order. It is called
	// again where the order must be stored anew. Apply is called once when that
	// is in force, and returns the alerts to tell; nil: there is nothing to do.
	// Both must be quick and must not call the manager.
	Plan  func() (AlertBatch, error)
	Apply func() []Alert
}

// OrderAlerts carries out an order about alerts, and returns when it is stored,
// with its audit entry, and told. Unavailable while the store is away. Where the
// store's answer was lost it is Unavailable, too, and comes into force later if
// it was stored.
func (m *Manager) OrderAlerts(ctx context.Context, o AlertOrder) error {
	c := &change{service: o.Service}
	c.plan = func(d *draft) error {
		b, err := o.Plan()
		if err != nil {
			return err
		}
		d.Alerts.add(&b)
		o.By.record(d, o.Action, o.Service, o.Subject, o.Details)
		return nil
	}
	if o.Apply != nil {
		c.apply = func() { c.alerts = o.Apply() }
	}
	return m.do(ctx, o.Action, c)
}

// Dependants are those that depend on a service, directly or through others, by
// name.
func (m *Manager) Dependants(name string) []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	found := map[string]bool{name: true}
	for next := []string{name}; len(next) > 0; next = next[1:] {
		for user := range m.users[next[0]] {
			if m.members[user] != nil && !found[user] {
				found[user] = true
				next = append(next, user)
			}
		}
	}
	delete(found, name)
	all := make([]string, 0, len(found))
	for user := range found {
		all = append(all, user)
	}
	slices.Sort(all)
	return all
}
