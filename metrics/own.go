package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// Stream is how the live stream is, and what it did since it was made.
type Stream struct {
	Clients int
	Held    int // changes that are kept for clients that are slow or come back

	// Behind is how many changes the slowest client has not been sent, and Lag
	// how long ago the first of them was told.
	Behind uint64
	Lag    time.Duration

	Sent      map[string]uint64  // messages, by type
	SentBytes uint64             // what they took
	Received  map[Message]uint64 // by what became of them

	// Coalesced are the updates that clients were not sent, because a newer one
	// of the same service came first; Renewed are the snapshots that clients were
	// given because they were too slow to follow.
	Coalesced, Renewed uint64

	Closed  map[int]uint64 // sockets, by the code that the server closed them with
	Refused map[int]uint64 // handshakes, by HTTP status
}

// Message is a kind of message of a client, and what became of it.
type Message struct{ Type, Result string }

// Series is what keeps how the services went over time.
type Series struct {
	Points, Written, Dropped uint64 // points that were recorded, chunks that were written or lost
	Waiting                  int    // chunks that wait for the store
}

// Access is what the server refused.
type Access struct {
	// Problems are the requests that were answered with an error, by HTTP status.
	Problems map[int]uint64

	// Failed are the log-ins with a bad token, and Limited those that were not
	// even answered so, because there were too many of their address.
	Failed, Limited uint64
}

// The server's own metrics.
var (
	fleetSize   = desc("services", "Services that the manager knows.")
	turnedAway  = desc("services_rejected_total", "Services refused because there are as many as there may be.")
	crowdedOut  = desc("orders_rejected_total", "Orders refused because too many changes waited.")
	queued      = desc("queue_changes", "Changes that wait for the manager.")
	unheard     = desc("notices_dropped_total", "Transitions that came too fast to be told.")
	storeUp     = desc("store_available", "1 if the store took the last write, 0 if changes wait for it.")
	storeFails  = desc("store_failures_total", "Writes that the store did not take.")
	commits     = desc("store_commit_duration_seconds", "How long the store took to write, or to say that it could not.")
	backlog     = desc("store_backlog_changes", "Changes that are in force and wait for the store.")
	eventsLost  = desc("events_dropped_total", "Events lost because the store was away too long or refused them.")
	abandoned   = desc("store_refused_total", "Changes that a store which was well refused for good.")
	unlisted    = desc("audit_refusals_dropped_total", "Refusals that have no entry of their own in the audit log.")
	unlistedRun = desc("audit_checks_dropped_total", "Ordered health checks that have no entry of their own in the audit log.")
	checksLate  = desc("health_check_lag_seconds", "How long after their time health checks began.")

	agents         = desc("agents", "Agents that are connected.")
	agentsRefused  = desc("agents_refused_total", "Agents that were refused: held is one whose instance is another process's, full one above the cap.", "reason")
	instances      = desc("instances", "Instances of a service of agents: all, those that are open, and those that nothing is heard of.", "service", "which")
	configsRefused = desc("instances_config_refused", "Instances of a service of agents that refused the config in force.", "service")

	clients    = desc("stream_clients", "Live streams that are open.")
	held       = desc("stream_held_changes", "Changes that are kept for clients that are slow or come back.")
	behind     = desc("stream_lag_changes", "Changes that the slowest client has not been sent.")
	streamLag  = desc("stream_lag_seconds", "How long ago the first change was told that the slowest client has not been sent.")
	sent       = desc("stream_messages_sent_total", "Messages to clients, by type.", "type")
	sentBytes  = desc("stream_sent_bytes_total", "Bytes of the messages to clients.")
	received   = desc("stream_messages_received_total", "Messages of clients, by type and by what became of them.", "result", "type")
	coalesced  = desc("stream_updates_coalesced_total", "Updates that clients were not sent because a newer one of the same service came first.")
	renewed    = desc("stream_snapshots_renewed_total", "Snapshots given to clients that were too slow to follow.")
	closed     = desc("stream_closed_total", "Sockets that the server closed, by the code it gave; 1013 is a client that was too slow.", "code")
	handshakes = desc("stream_handshakes_refused_total", "Requests for the live stream that were refused, by HTTP status.", "status")

	points        = desc("series_points_total", "Points of series that were recorded.")
	chunks        = desc("series_chunks_written_total", "Chunks of series that were written.")
	chunksLost    = desc("series_chunks_dropped_total", "Chunks of series lost because the store was away too long.")
	chunksWaiting = desc("series_chunks_waiting", "Chunks of series that wait for the store.")

	problems = desc("http_problems_total", "Requests that were answered with an error, by HTTP status.", "status")
	logins   = desc("logins_failed_total", "Log-ins with a bad token, by whether the address was told so or to wait.", "result")

	buildInfo = desc("build_info", "1, with what was built.", "goversion", "revision", "version")
)

func (s *sink) manager(m *fleet.Measures) {
	s.gauge(fleetSize, float64(len(m.Services)))
	s.counter(turnedAway, m.ServicesRefused)
	s.counter(crowdedOut, m.OrdersRefused)
	s.gauge(queued, float64(m.Queue))
	s.counter(unheard, m.NoticesDropped)
	s.gauge(storeUp, number(m.StoreAvailable))
	s.counter(storeFails, m.StoreFailures)
	s.histogram(commits, &m.Commits, nil)
	s.gauge(backlog, float64(m.Backlog))
	s.counter(eventsLost, m.EventsDropped)
	s.counter(lost, m.AlertsDropped)
	s.counter(abandoned, m.ChangesAbandoned)
	s.counter(unlisted, m.RefusalsDropped)
	s.counter(unlistedRun, m.ChecksUnlisted)
	s.histogram(checksLate, &m.ChecksLate, nil)
	s.gauge(agents, float64(m.Agents))
	for _, reason := range slices.Sorted(maps.Keys(m.AgentsRefused)) {
		s.counter(agentsRefused, m.AgentsRefused[reason], reason)
	}
	for i := range m.Services {
		if of := &m.Services[i]; of.Instances != nil {
			s.gauge(instances, float64(of.Instances.Total), of.Service, "all")
			s.gauge(instances, float64(of.Instances.Open), of.Service, "open")
			s.gauge(instances, float64(of.Instances.Stale), of.Service, "stale")
			s.gauge(configsRefused, float64(of.ConfigsRefused), of.Service)
		}
	}
}

func (s *sink) stream(v Stream) {
	s.gauge(clients, float64(v.Clients))
	s.gauge(held, float64(v.Held))
	s.gauge(behind, float64(v.Behind))
	s.gauge(streamLag, v.Lag.Seconds())
	for _, kind := range slices.Sorted(maps.Keys(v.Sent)) {
		s.counter(sent, v.Sent[kind], kind)
	}
	s.counter(sentBytes, v.SentBytes)
	messages := slices.SortedFunc(maps.Keys(v.Received), func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Result, b.Result), cmp.Compare(a.Type, b.Type))
	})
	for _, m := range messages {
		s.counter(received, v.Received[m], m.Result, m.Type)
	}
	s.counter(coalesced, v.Coalesced)
	s.counter(renewed, v.Renewed)
	s.byNumber(closed, v.Closed)
	s.byNumber(handshakes, v.Refused)
}

// byNumber is a counter for each number.
func (s *sink) byNumber(f family, counts map[int]uint64) {
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		s.counter(f, counts[n], strconv.Itoa(n))
	}
}

func (s *sink) recorder(v Series) {
	s.counter(points, v.Points)
	s.counter(chunks, v.Written)
	s.counter(chunksLost, v.Dropped)
	s.gauge(chunksWaiting, float64(v.Waiting))
}

func (s *sink) access(v Access) {
	s.byNumber(problems, v.Problems)
	s.counter(logins, v.Failed, "failed")
	s.counter(logins, v.Limited, "limited")
}
