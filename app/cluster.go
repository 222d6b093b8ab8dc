package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/degenduel/switchgear/bus/natsbus"
	"github.com/degenduel/switchgear/bus/pgnotify"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// tooOld is how old what a node knows may be before it is not ready.
const tooOld = 15 * time.Second

// node is this process among several managers of one store.
type node struct {
	id, address string
	manager     *fleet.Manager // set before anybody asks
	bus         fleet.Bus
	busKind     string

	mu    sync.Mutex
	since time.Time // of its role
	news  []fleet.RoleChange
	told  chan struct{} // there is news
}

// joinOthers makes the node of a manager that shares its store; nil: it is alone.
func (a *App) joinOthers() error {
	nats, err := a.settings.Bus.NATS()
	if err != nil {
		return err
	}
	if a.settings.DatabaseURL == "" {
		if nats != "" {
			return errors.New("bus.natsUrl (--nats-url, SWITCHGEAR_NATS_URL): several managers share a PostgreSQL database, " +
				"and none is set: store.databaseUrl (--database-url, SWITCHGEAR_DATABASE_URL)")
		}
		return nil
	}
	n := &node{id: rand.Text(), address: cmp.Or(a.settings.AdvertiseURL, a.reachedAt()), since: time.Now(), told: make(chan struct{}, 1)}
	if nats == "" {
		n.busKind = "postgresql"
		n.bus, err = pgnotify.Open(pgnotify.Config{URL: a.settings.DatabaseURL, Logger: a.log})
	} else {
		b := a.settings.Bus
		n.busKind = "nats"
		n.bus, err = natsbus.Open(natsbus.Config{
			URL: nats, Prefix: b.SubjectPrefix, Credentials: b.Credentials, CA: b.CA, Certificate: b.Certificate, Key: b.Key, Logger: a.log,
		})
	}
	if err != nil {
		return err
	}
	a.cleanUps.Push("bus", func(context.Context) error { return n.bus.Close() })
	a.node = n
	return nil
}

// reachedAt is where others reach the process, as far as it knows.
func (a *App) reachedAt() string {
	host, port, err := net.SplitHostPort(a.listener.Addr().String())
	if ip, bad := netip.ParseAddr(host); err == nil && bad == nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			return "http://" + net.JoinHostPort(name, port)
		}
	}
	return a.URL()
}

// onRole is told by the manager, which must not wait.
func (n *node) onRole(r fleet.RoleChange) {
	n.mu.Lock()
	n.since = time.Now()
	n.news = append(n.news, r)
	n.mu.Unlock()
	n.onAgain()
}

// onAgain has what the role asks for done, or done again.
func (n *node) onAgain() {
	select {
	case n.told <- struct{}{}:
	default:
	}
}

// latest are the changes of role since it was asked last.
func (n *node) latest() []fleet.RoleChange {
	n.mu.Lock()
	defer n.mu.Unlock()
	news := n.news
	n.news = nil
	return news
}

// Node implements [server.Cluster], as the methods below do.
func (n *node) Node() string { return n.id }

// Leading reports whether this node leads.
func (n *node) Leading() bool { return n.manager.Role() == fleet.Leading }

// Leader is where the leader is reached.
func (n *node) Leader() (address string, changed <-chan struct{}) {
	changed = n.manager.AnotherLeader()                                // first: what changes now is in the address, or changes it
	if l := n.manager.Leader(); l.Here || l.Sure && l.Holder != n.id { // else it is just taking up the lead
		address = l.Address
	}
	return address, changed
}

// Secret is what the nodes sign with.
func (n *node) Secret() []byte {
	secret := n.manager.Secret()
	if secret == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Seq is of the last change that was told.
func (n *node) Seq() uint64 { return n.manager.Seq() }

// CatchUp waits until this node knows of everything up to seq.
func (n *node) CatchUp(ctx context.Context, seq uint64) error { return n.manager.CatchUp(ctx, seq) }

// info is how the node is.
func (n *node) info() *wire.ClusterInfo {
	l, bus := n.manager.Leader(), n.bus.State()
	n.mu.Lock()
	since := n.since
	n.mu.Unlock()
	info := &wire.ClusterInfo{
		Node: n.id, Role: wire.NodeFollows, Since: wire.Time{Time: since}, AsOf: wire.Time{Time: l.Fresh},
		Bus: wire.BusInfo{
			Kind: n.busKind, Connected: bus.Connected, Since: wire.Time{Time: bus.Since},
			Published: bus.Published, Received: bus.Received, Dropped: bus.Dropped + bus.Missed,
		},
	}
	if bus.LastError != "" {
		info.Bus.Error = &bus.LastError
	}
	why := ""
	switch {
	case l.Here:
		info.Role = wire.NodeLeads
		if !l.Sure {
			why = "this node leads, and could not renew its lease: another may lead by now"
		}
	case l.Sure && l.Holder == n.id:
		why = "this node is just taking up the lead"
	case l.Sure:
		info.Leader = &l.Address
	default:
		why = "no node leads now, or this one cannot see it: what changes something is refused"
	}
	if !l.Here && time.Since(l.Fresh) > tooOld {
		why = "this node cannot read the store: what it shows is as of " + l.Fresh.UTC().Format(time.RFC3339)
	}
	if why != "" {
		info.Problem = &why
	}
	return info
}
