package wire

// ServerInfo is how the manager itself is. What it counts is of this process.
type ServerInfo struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	Go        string `json:"go"`
	StartedAt Time   `json:"started_at"`
	Epoch     string `json:"epoch"`
	Services  int    `json:"services"`
	Ready     bool   `json:"ready"` // what /readyz says

	Store  StoreInfo  `json:"store"`
	Stream StreamInfo `json:"stream"`
	Series SeriesInfo `json:"series"`

	MemoryBytes uint64 `json:"memory_bytes"` // that the process has of the system
	Goroutines  int    `json:"goroutines"`

	Cluster *ClusterInfo `json:"cluster"` // null: the manager is alone
}

// ClusterInfo is what this node is among several managers of one store.
type ClusterInfo struct {
	Node   string  `json:"node"`
	Role   string  `json:"role"`   // leads or follows
	Leader *string `json:"leader"` // where the one that leads is reached; null: none does, or it is this one
	Since  Time    `json:"since"`  // when it got its role
	AsOf   Time    `json:"as_of"`  // up to when a node that follows knows everything

	// Problem is why the node cannot do all of its work; null: it can.
	Problem *string `json:"problem"`

	Bus BusInfo `json:"bus"`
}

// The roles of a node.
const (
	NodeLeads   = "leads"
	NodeFollows = "follows"
)

// BusInfo is how the bus is by which the nodes tell each other to look into the
// store. Without it they look once a second.
type BusInfo struct {
	Kind      string  `json:"kind"` // postgresql or nats
	Connected bool    `json:"connected"`
	Since     Time    `json:"since"`
	Error     *string `json:"error"` // why it is not connected, or was not the last time
	Published uint64  `json:"published"`
	Received  uint64  `json:"received"`
	Dropped   uint64  `json:"dropped"` // hints that were lost on the way out or in
}

// StoreInfo is how the store is.
type StoreInfo struct {
	Answers       bool    `json:"answers"` // it took the last write
	Error         *string `json:"error"`   // what keeps the manager from being ready
	Waiting       int     `json:"waiting"` // changes that are told and not stored yet
	DroppedEvents uint64  `json:"dropped_events"`
	FailedWrites  uint64  `json:"failed_writes"`
}

// StreamInfo is how the live stream is.
type StreamInfo struct {
	Clients  int    `json:"clients"`
	Slow     uint64 `json:"slow"`     // that were given a fresh snapshot, or let go, for they did not keep up
	Messages uint64 `json:"messages"` // to clients
	Updates  uint64 `json:"updates"`  // of services and events, counted once for all clients
	Bytes    uint64 `json:"bytes"`    // to clients
	Refused  uint64 `json:"refused"`  // handshakes
}

// SeriesInfo is what is kept of how services were over time.
type SeriesInfo struct {
	Points  uint64 `json:"points"`
	Chunks  uint64 `json:"chunks"`
	Bytes   uint64 `json:"bytes"`
	Dropped uint64 `json:"dropped"` // chunks that the store did not take
}
