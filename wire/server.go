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
