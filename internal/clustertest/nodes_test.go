package clustertest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/faultproxy"
	"github.com/degenduel/switchgear/internal/natstest"
	"github.com/degenduel/switchgear/internal/testpg"
	"github.com/degenduel/switchgear/wire"
)

// patience bounds what happens at once on a machine that has time.
const patience = 40 * time.Second

// oldEnv is the program of an older version that all nodes begin with.
const oldEnv = "SWITCHGEAR_ROBUSTNESS_OLD"

// node is one process, or none while it is down, at an address that it keeps.
type node struct {
	*client.Client

	settings config.Settings
	listen   string
	database *faultproxy.Proxy // it reaches PostgreSQL through
	others   *faultproxy.Proxy // reach it through
	old      string            // the program of an older version that its next start is of; empty: this one

	cmd *exec.Cmd
}

// cluster is several nodes of one database.
type cluster struct {
	dir      string // of data, logs and the history
	lease    time.Duration
	database *testpg.Server
	nats     *natstest.Server // nil: hints go by PostgreSQL
	nodes    []*node

	mu      sync.Mutex
	history []record
	began   time.Time
}

// newCluster starts so many nodes. fleet is what their file has of it besides. ok is
// false where what they need is not there and not required.
func newCluster(t *testing.T, n int, lease time.Duration, byNATS bool, fleet string) (c *cluster, ok bool) {
	t.Helper()
	c = &cluster{dir: t.ArtifactDir(), lease: lease, began: time.Now()}
	if c.database, ok = testpg.StartOwn(t); !ok {
		return nil, false
	}
	bus := config.Bus{}
	if byNATS {
		if c.nats, ok = natstest.Start(t, ""); !ok {
			return nil, false
		}
		bus.NATSURL = c.nats.URL()
	}
	t.Cleanup(func() { c.keep(t) })
	file := fmt.Sprintf("fleet: { leaseMs: %d%s }\n", lease.Milliseconds(), fleet) + services
	if err := os.WriteFile(c.config(), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	database := c.database.Database(t)
	for i := range n {
		c.add(t, i, database, bus)
		c.nodes[i].old = os.Getenv(oldEnv)
	}
	for i := range c.nodes {
		c.start(t, i)
	}
	return c, true
}

// services are what the file of all nodes has.
const services = `
services:
  job0: {}
  job1: {}
  job2: {}
  flapping: { config: { failureThreshold: 3, resetTimeoutMs: 1000, minHealthyPeriodMs: 500, monitoringWindowMs: 5000, jitter: 0 } }
`

func (c *cluster) config() string { return filepath.Join(c.dir, "switchgear.yaml") }

func (c *cluster) data(i int) string { return filepath.Join(c.dir, fmt.Sprintf("node%d", i)) }

// add makes a node that is not started yet.
func (c *cluster) add(t *testing.T, i int, database string, bus config.Bus) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{database: proxy(t, u.Host)}
	l, err := faultproxy.Listen()
	if err != nil {
		t.Fatal(err)
	}
	n.listen = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n.others = proxy(t, n.listen)
	u.Host = n.database.Addr()
	n.settings = config.Settings{
		Listen: n.listen, Data: c.data(i), DatabaseURL: u.String(), AdvertiseURL: "http://" + n.others.Addr(), Bus: bus,
	}
	if n.Client, err = client.New("http://"+n.listen, token, client.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	c.nodes = append(c.nodes, n)
}

func proxy(t *testing.T, target string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.New(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// start starts a node that is down, and waits until it says that it listens.
func (c *cluster) start(t *testing.T, i int) {
	t.Helper()
	n := c.nodes[i]
	told, err := json.Marshal(child{Settings: n.settings, Config: c.config()})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(c.data(i)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	n.cmd = exec.Command(os.Args[0])
	n.cmd.Env = append(os.Environ(), childEnv+"="+string(told))
	if n.old != "" {
		n.cmd, n.old = n.older(c.config()), ""
	}
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	process := n.cmd.Process
	t.Cleanup(func() { _ = process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "listening on ") {
		said, _ := os.ReadFile(c.data(i) + ".log")
		t.Fatalf("node %d says %q, %v\n%s", i, line, err, said)
	}
}

// older is the command of a node of an older version.
func (n *node) older(file string) *exec.Cmd {
	s := &n.settings
	cmd := exec.Command(n.old, "serve", "--listen", s.Listen, "--data", s.Data, "--advertise-url", s.AdvertiseURL, "--config", file)
	if s.Bus.NATSURL != "" {
		cmd.Args = append(cmd.Args, "--nats-url", s.Bus.NATSURL)
	}
	cmd.Env = append(os.Environ(), "SWITCHGEAR_DATABASE_URL="+s.DatabaseURL, "SWITCHGEAR_ADMIN_TOKEN="+token)
	return cmd
}

// kill ends a node as a crash does.
func (c *cluster) kill(t *testing.T, i int) {
	t.Helper()
	c.signal(t, i, syscall.SIGKILL)
	_ = c.nodes[i].cmd.Wait() // says that it was killed
}

// stop ends a node as a supervisor does.
func (c *cluster) stop(t *testing.T, i int) {
	t.Helper()
	c.signal(t, i, syscall.SIGTERM)
	if err := c.nodes[i].cmd.Wait(); err != nil {
		t.Errorf("node %d ends with %v", i, err)
	}
}

func (c *cluster) signal(t *testing.T, i int, s syscall.Signal) {
	t.Helper()
	if err := c.nodes[i].cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// info is how a node is, asked with little patience.
func (n *node) info(ctx context.Context) (*wire.ClusterInfo, bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	info, err := n.Server(ctx)
	if err != nil || info.Cluster == nil {
		return nil, false
	}
	return info.Cluster, info.Ready
}

// awaitLeader waits until one node leads for sure, other than not (-1: any).
func (c *cluster) awaitLeader(t *testing.T, not int) {
	t.Helper()
	c.await(t, "leads", func(ctx context.Context) (int, bool) {
		for i, n := range c.nodes {
			if i == not {
				continue
			}
			if info, ready := n.info(ctx); ready && info.Role == wire.NodeLeads && info.Problem == nil {
				return i, true
			}
		}
		return 0, false
	})
}

// awaitWhole waits until one node leads, and every other follows it and is ready.
func (c *cluster) awaitWhole(t *testing.T) int {
	t.Helper()
	return c.await(t, "leads all others", func(ctx context.Context) (int, bool) {
		leader, leaders, able := 0, 0, 0
		for i, n := range c.nodes {
			info, ready := n.info(ctx)
			if !ready || info.Problem != nil {
				return 0, false
			}
			able++
			if info.Role == wire.NodeLeads {
				leader, leaders = i, leaders+1
			}
		}
		return leader, leaders == 1 && able == len(c.nodes)
	})
}

func (c *cluster) await(t *testing.T, what string, now func(context.Context) (int, bool)) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if i, ok := now(ctx); ok {
			return i
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			for i, n := range c.nodes {
				info, err := n.Server(t.Context())
				t.Logf("node %d: %+v, %v", i, info.Cluster, err)
			}
			t.Fatalf("%v on, no node %s", patience, what)
		}
	}
}

// record is a line of the history: an order or a message, or a fault.
type record struct {
	At     time.Duration // since the start
	Fault  string        `json:",omitempty"`
	Order  *order        `json:",omitempty"`
	Told   *told         `json:",omitempty"`
	Broken string        `json:",omitempty"`
}

// note adds to the history.
func (c *cluster) note(r *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.At = cmp.Or(r.At, time.Since(c.began))
	c.history = append(c.history, *r)
}

// keep writes the history of a test that has failed, and removes what is of no use
// after one that has not.
func (c *cluster) keep(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		_ = os.RemoveAll(c.dir)
		return
	}
	f, err := os.Create(filepath.Join(c.dir, "history.jsonl"))
	if err != nil {
		t.Error(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := json.NewEncoder(f)
	for i := range c.history {
		if err := lines.Encode(&c.history[i]); err != nil {
			t.Error(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("the history is %s; with -artifacts it stays there", f.Name())
}
