package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// EventKind is what an Event tells.
type EventKind string

// The kinds of events.
const (
	EventTransition         EventKind = "transition"
	EventInstanceTransition EventKind = "instance_transition" // of one of several instances of a service
	EventOverride           EventKind = "override"            // set, or ended by hand
	EventOverrideExpired    EventKind = "override_expired"
	EventReset              EventKind = "reset"
	EventConfigChanged      EventKind = "config_changed"
	EventConfigWarning      EventKind = "config_warning"
	EventHealthFailed       EventKind = "health_failed"
	EventHealthRecovered    EventKind = "health_recovered"
	EventRegistered         EventKind = "registered"
	EventDeclared           EventKind = "declared" // its layer, description or dependencies changed
	EventRemoved            EventKind = "removed"
)

// Event is one line of a service's history. It is never changed.
type Event struct {
	ID       int64  // given by the store, rising
	Seq      uint64 // the place in the stream, rising with the ID
	Service  string
	Kind     EventKind
	From, To string // states, or modes of an override; may be empty
	At       time.Time
	Actor    string
	Reason   string
	Evidence json.RawMessage // an object, or nil

	// Durable is false of an event that was told before the store had it.
	Durable bool
}

// ConfigVersion is one version of a service's config. It is never changed.
type ConfigVersion struct {
	Service string
	Version int // from 1, without gaps
	Config  json.RawMessage
	At      time.Time
	Actor   string
	Reason  string
}

// AuditEntry is who did what to what, from where, with what result.
type AuditEntry struct {
	ID      int64
	At      time.Time
	Actor   string
	Address string
	Action  string
	Service string
	Reason  string
	Result  string
	Details json.RawMessage // an object of texts, numbers and nulls, or nil
}

// ServiceRow is a service as the store keeps it.
type ServiceRow struct {
	Service     string
	Value       json.RawMessage // a ServiceState
	Description string
	UpdatedAt   time.Time
	UpdatedBy   string

	// Revision is the place in the stream of the row as it is: of the rows that
	// several managers share. 0 elsewhere.
	Revision uint64
}

// InstanceRow is one instance of a service whose breakers are in other processes,
// as the store keeps it.
type InstanceRow struct {
	Service, Instance string

	Value     json.RawMessage // an object
	UpdatedAt time.Time
}

// InstanceKey names an InstanceRow.
type InstanceKey struct{ Service, Instance string }

// Key names the row.
func (r *InstanceRow) Key() InstanceKey { return InstanceKey{r.Service, r.Instance} }

// Token is what is kept of a token: never its secret.
type Token struct {
	ID        string
	Name      string
	Role      string
	Hash      string   // SHA-256 of the secret, in hex
	Services  []string // patterns of the services that it is for; none: all
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time // zero: never

	// Parent is the ID of the token that a session was opened with, and empty
	// of a token. A session is the log-in of a browser, and lets in for as long
	// as its parent does, at most.
	Parent string
}

// Session reports whether it is a session.
func (t *Token) Session() bool { return t.Parent != "" }

// Request is a write that was sent with a key of its sender's, so that it does
// not happen again when it is sent again. It is kept for RequestsKept, in the
// transaction of what it brought about.
type Request struct {
	Key         string // whose, and which
	Fingerprint string // of what was asked
	At          time.Time
	Subject     string // what it made: the ID of a token, a version
}

// RequestsKept is how long a store remembers a Request.
const RequestsKept = 24 * time.Hour

// Batch is what one transaction writes.
type Batch struct {
	Services []ServiceRow // written, or written over
	Removed  []string     // services whose rows go, with those of their instances; their history stays
	Events   []Event
	Configs  []ConfigVersion
	Audit    []AuditEntry
	Tokens   []Token   // new ones
	Revoked  []string  // IDs of tokens that go
	Requests []Request // new ones
	Alerts   AlertBatch

	Instances     []InstanceRow // written, or written over
	GoneInstances []InstanceKey // whose rows go, before the others are written

	// Fence is under which a ClusterStore writes the batch; nil: under none.
	Fence *Fence
}

func (b *Batch) empty() bool {
	return len(b.Services)+len(b.Removed)+len(b.Events)+len(b.Configs)+len(b.Audit)+len(b.Tokens)+len(b.Revoked)+len(b.Requests)+
		len(b.Instances)+len(b.GoneInstances) == 0 && b.Alerts.empty()
}

// add puts what o writes behind what b writes. Of two states of a service the
// later one is written.
func (b *Batch) add(o *Batch) {
	for _, row := range o.Services {
		b.Services = slices.DeleteFunc(b.Services, func(r ServiceRow) bool { return r.Service == row.Service })
		b.Services = append(b.Services, row)
	}
	for _, name := range o.Removed {
		b.Services = slices.DeleteFunc(b.Services, func(r ServiceRow) bool { return r.Service == name })
	}
	b.Removed = append(b.Removed, o.Removed...)
	b.Events = append(b.Events, o.Events...)
	b.Configs = append(b.Configs, o.Configs...)
	b.Audit = append(b.Audit, o.Audit...)
	b.Tokens = append(b.Tokens, o.Tokens...)
	b.Revoked = append(b.Revoked, o.Revoked...)
	b.Requests = append(b.Requests, o.Requests...)
	b.Alerts.add(&o.Alerts)
	b.addInstances(o)
}

// addInstances takes from b the instances that o takes out. Of two rows of an
// instance the store lets the later one stand.
func (b *Batch) addInstances(o *Batch) {
	if len(o.Removed)+len(o.GoneInstances) > 0 && len(b.Instances) > 0 {
		gone := make(map[InstanceKey]bool, len(o.GoneInstances))
		for _, k := range o.GoneInstances {
			gone[k] = true
		}
		b.Instances = slices.DeleteFunc(b.Instances, func(r InstanceRow) bool {
			return gone[r.Key()] || slices.Contains(o.Removed, r.Service)
		})
	}
	b.GoneInstances = append(b.GoneInstances, o.GoneInstances...)
	b.Instances = append(b.Instances, o.Instances...)
}

// Stored is what a manager needs to begin.
type Stored struct {
	Services []ServiceRow   // by name
	Versions map[string]int // the newest config version of each service that ever had one
	Seq      uint64         // the highest of any event; 0 without one

	Instances []InstanceRow // by service and instance
}

// EventQuery asks for events, newest first.
type EventQuery struct {
	Service string      // "" is all
	Kinds   []EventKind // none is all
	Since   time.Time   // not before; zero is open
	Until   time.Time   // before; zero is open
	Before  int64       // an ID: only older ones; 0 is open
	Limit   int         // 1 to 1 000
}

// AuditQuery asks for audit entries, newest first.
type AuditQuery struct {
	Service string // "" is all, also of the next two
	Actor   string
	Action  string
	Since   time.Time // not before; zero is open
	Until   time.Time // before; zero is open
	Before  int64     // an ID: only older ones; 0 is open
	Limit   int       // 1 to 1 000
}

// Store remembers what a manager knows. All methods are safe for concurrent
// use, heed their context, and return an *Error of kind Unavailable where the
// store does not answer. Times come back in UTC, to the microsecond or better.
type Store interface {
	// Load returns all services with the newest config versions and the
	// highest seq.
	Load(ctx context.Context) (Stored, error)

	// Commit writes all of the batch or nothing. When it returns nil, what it
	// wrote survives the end of the process and of the machine. It fills in
	// the IDs of the batch's events and audit entries, rising in their order.
	// A config version that is there already, or does not follow the one
	// before it, is a Conflict, and so is a token whose ID or hash is there, and
	// a request whose key is. To revoke a token that is not there is nothing.
	// After an error nobody knows whether the batch was written unless the kind
	// is Conflict: then it was not.
	Commit(ctx context.Context, b *Batch) error

	// Events returns what the query asks for, newest first.
	Events(ctx context.Context, q EventQuery) ([]Event, error)

	// ConfigVersions returns versions of a service, newest first: those below
	// before, or all if before is 0, and limit at most.
	ConfigVersions(ctx context.Context, service string, before, limit int) ([]ConfigVersion, error)

	// ConfigVersion returns one version; NotFound if there is none.
	ConfigVersion(ctx context.Context, service string, version int) (ConfigVersion, error)

	// Tokens returns all tokens, the oldest first.
	Tokens(ctx context.Context) ([]Token, error)

	// Audit returns what the query asks for, newest first.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)

	// Request returns the request with that key; NotFound if there is none, or
	// none any more.
	Request(ctx context.Context, key string) (Request, error)

	// Ping asks whether the store would take a write.
	Ping(ctx context.Context) error
}
