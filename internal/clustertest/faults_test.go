package clustertest

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/degenduel/switchgear/internal/faultproxy"
)

// fault is what goes wrong, and is right again when make returns.
type fault struct {
	name  string
	store bool // the leader may be without its store meanwhile
	nats  bool // only where there is one
	make  func(t *testing.T, c *cluster, s *scene)
}

// scene is in what a fault is made.
type scene struct {
	leader, follower int
	hold             time.Duration // of what may last as long as it likes
	took             time.Duration // out: until another led; 0: it was not waited for
}

// taken waits until a node other than the leader leads, which a fault began at.
func (s *scene) taken(t *testing.T, c *cluster, began time.Time) {
	t.Helper()
	c.awaitLeader(t, s.leader)
	s.took = time.Since(began)
}

// hold waits, while the fault lasts. Nothing that happens could say that it is
// enough: it is the fault's length, not the time that something takes.
func hold(d time.Duration) { <-time.After(d) }

// The faults of make test.
var (
	killLeader = fault{name: "kill the leader", make: func(t *testing.T, c *cluster, s *scene) {
		t.Helper()
		began := time.Now()
		c.kill(t, s.leader)
		s.taken(t, c, began)
		c.start(t, s.leader)
	}}
	cutLeader = fault{name: "cut the leader off the database", store: true, make: func(t *testing.T, c *cluster, s *scene) {
		t.Helper()
		began := time.Now()
		c.nodes[s.leader].database.Set(faultproxy.Blackhole)
		s.taken(t, c, began)
		c.nodes[s.leader].database.Set(faultproxy.Forward)
	}}
	roll = fault{name: "roll", make: func(t *testing.T, c *cluster, s *scene) {
		t.Helper()
		for k := range c.nodes {
			i := (s.leader + k) % len(c.nodes)
			began := time.Now()
			c.stop(t, i)
			if k == 0 {
				s.taken(t, c, began)
			}
			c.start(t, i)
			c.awaitWhole(t)
		}
	}}
)

// allFaults are those of a round.
func allFaults() []fault {
	return []fault{
		killLeader, cutLeader, roll,
		{name: "kill the leader and start it at once", make: func(t *testing.T, c *cluster, s *scene) {
			t.Helper()
			c.kill(t, s.leader)
			c.start(t, s.leader)
		}},
		{name: "kill one that follows", make: func(t *testing.T, c *cluster, s *scene) {
			t.Helper()
			c.kill(t, s.follower)
			hold(s.hold)
			c.start(t, s.follower)
		}},
		{name: "kill all", store: true, make: func(t *testing.T, c *cluster, _ *scene) {
			t.Helper()
			for i := range c.nodes {
				c.kill(t, i)
			}
			for i := range c.nodes {
				c.start(t, i)
			}
		}},
		{name: "stop the leader longer than its lease", store: true, make: func(t *testing.T, c *cluster, s *scene) {
			t.Helper()
			began := time.Now()
			c.signal(t, s.leader, syscall.SIGSTOP)
			s.taken(t, c, began)
			hold(s.hold)
			c.signal(t, s.leader, syscall.SIGCONT)
		}},
		{name: "stop the leader for a moment", store: true, make: func(t *testing.T, c *cluster, s *scene) {
			t.Helper()
			c.signal(t, s.leader, syscall.SIGSTOP)
			hold(min(s.hold, c.lease/2))
			c.signal(t, s.leader, syscall.SIGCONT)
		}},
		{name: "end the leader's sessions at the database", store: true, make: func(_ *testing.T, c *cluster, s *scene) {
			c.nodes[s.leader].database.Set(faultproxy.Reset)
			hold(s.hold)
			c.nodes[s.leader].database.Set(faultproxy.Forward)
		}},
		{name: "cut one that follows off the database", make: func(_ *testing.T, c *cluster, s *scene) {
			c.nodes[s.follower].database.Set(faultproxy.Blackhole)
			hold(c.lease + s.hold)
			c.nodes[s.follower].database.Set(faultproxy.Forward)
		}},
		{name: "cut the others off the leader", make: func(_ *testing.T, c *cluster, s *scene) {
			c.nodes[s.leader].others.Set(faultproxy.Blackhole)
			hold(c.lease + s.hold)
			c.nodes[s.leader].others.Set(faultproxy.Forward)
		}},
		{name: "refuse the others at the leader", make: func(_ *testing.T, c *cluster, s *scene) {
			c.nodes[s.leader].others.Set(faultproxy.Reset)
			hold(s.hold)
			c.nodes[s.leader].others.Set(faultproxy.Forward)
		}},
		{name: "kill the database", store: true, make: func(_ *testing.T, c *cluster, s *scene) {
			c.database.Kill()
			hold(s.hold)
			c.database.Restart()
		}},
		{name: "freeze the database", store: true, make: func(_ *testing.T, c *cluster, s *scene) {
			c.database.Freeze()
			hold(c.lease + s.hold)
			c.database.Thaw()
		}},
		{name: "kill NATS", nats: true, make: func(_ *testing.T, c *cluster, s *scene) {
			c.nats.Kill()
			hold(s.hold)
			c.nats.Restart()
		}},
		{name: "freeze NATS", nats: true, make: func(_ *testing.T, c *cluster, s *scene) {
			c.nats.Freeze()
			hold(s.hold)
			c.nats.Thaw()
		}},
	}
}

// shuffled are the faults of a round that can be made, in an order of chance.
func shuffled(c *cluster, chance *rand.Rand) []fault {
	var able []fault
	for _, f := range allFaults() {
		if !f.nats || c.nats != nil {
			able = append(able, f)
		}
	}
	chance.Shuffle(len(able), func(i, k int) { able[i], able[k] = able[k], able[i] })
	return able
}
