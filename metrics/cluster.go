package metrics

import "time"

// Cluster is what this node is among several managers of one store.
type Cluster struct {
	Leads bool
	Able  bool // it can do all of its work
	AsOf  time.Time

	Bus                          string // by what hints go
	BusConnected                 bool
	Published, Received, Dropped uint64
}

var (
	clusterRole  = desc("cluster_role", "1 for the role of this node among several managers, 0 for the other.", "role")
	clusterAble  = desc("cluster_able", "1 while this node can do all of its work among the others, else 0.")
	mirrorAge    = desc("cluster_mirror_age_seconds", "How old what this node knows of the store may be; 0 where it leads.")
	busUp        = desc("bus_up", "1 while hints of changes can come and go, else 0.", "bus")
	busPublished = desc("bus_hints_published_total", "Hints that the bus has taken.", "bus")
	busReceived  = desc("bus_hints_received_total", "Hints that came.", "bus")
	busDropped   = desc("bus_hints_dropped_total", "Hints lost here, which the store makes up for.", "bus")
)

func (s *sink) cluster(c *Cluster) {
	s.gauge(clusterRole, number(c.Leads), "leads")
	s.gauge(clusterRole, number(!c.Leads), "follows")
	s.gauge(clusterAble, number(c.Able))
	age := 0.0
	if !c.Leads {
		age = max(time.Since(c.AsOf).Seconds(), 0)
	}
	s.gauge(mirrorAge, age)
	s.gauge(busUp, number(c.BusConnected), c.Bus)
	s.counter(busPublished, c.Published, c.Bus)
	s.counter(busReceived, c.Received, c.Bus)
	s.counter(busDropped, c.Dropped, c.Bus)
}
