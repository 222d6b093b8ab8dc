//go:build unix

package testpg

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	stopSignal     = syscall.SIGSTOP
	continueSignal = syscall.SIGCONT
)

// cluster is a data folder and the server that runs on it.
type cluster struct {
	bin, dir   string
	port       int
	settings   []string            // name=value
	credential *syscall.Credential // nil: our own
	server     *exec.Cmd
	exited     chan struct{}
}

func newCluster(tb testing.TB, bin string) *cluster {
	tb.Helper()
	dir, err := os.MkdirTemp("", "testpg") //nolint:usetesting // t.TempDir is nobody else's to enter
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &cluster{bin: bin, dir: dir}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		c.credential = unprivileged(tb)
		if err := os.Chown(c.dir, int(c.credential.Uid), int(c.credential.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	out, err := c.command("initdb", "-D", c.data(), "-U", "postgres", "-A", "trust",
		"-N", "-E", "UTF8", "--locale=C", "--no-instructions").CombinedOutput()
	if err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	return c
}

// unprivileged is the user that PostgreSQL runs as when the tests run as root.
func unprivileged(tb testing.TB) *syscall.Credential {
	tb.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			tb.Fatal(err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			tb.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	tb.Fatal("testpg: no user postgres or nobody to run PostgreSQL as")
	return nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// log is a file of ours in the server's folder.
func (c *cluster) log() string { return filepath.Join(c.dir, "server.log") }

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(c.bin, name), args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = c.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.credential, Setpgid: true}
	return cmd
}

// start starts the server and returns its URL. The first time it takes a free
// port, which somebody else may take in between: so it tries again.
func (c *cluster) start(tb testing.TB) string {
	tb.Helper()
	var err error
	for range 5 {
		port := c.port
		if port == 0 {
			port = freePort(tb)
		}
		if err = c.tryStart(port); err == nil {
			c.port = port
			return c.url(port)
		}
	}
	tb.Fatalf("testpg: PostgreSQL does not start: %v", err)
	return ""
}

func (c *cluster) url(port int) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
}

func (c *cluster) tryStart(port int) error {
	logged, err := os.Create(c.log())
	if err != nil {
		return err
	}
	defer func() { _ = logged.Close() }()
	args := []string{"-D", c.data(), "-p", strconv.Itoa(port), "-h", "127.0.0.1", "-k", ""}
	for _, setting := range append([]string{"fsync=off", "shared_buffers=16MB", "max_connections=100", "autovacuum=off"}, c.settings...) {
		args = append(args, "-c", setting)
	}
	cmd := c.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = logged, logged
	if err := cmd.Start(); err != nil {
		return err
	}
	c.server, c.exited = cmd, make(chan struct{})
	go func() {
		defer close(c.exited)
		_ = cmd.Wait()
	}()
	if err := c.await(port); err != nil {
		c.kill()
		text, _ := os.ReadFile(c.log())
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// await waits until the server serves.
func (c *cluster) await(port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.url(port))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.exited:
			return fmt.Errorf("the server has exited: %w", err)
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// kill kills every process of the server and waits until they are gone.
func (c *cluster) kill() {
	if c.server == nil {
		return
	}
	pid := c.server.Process.Pid
	children := childrenOf(pid)
	for _, p := range append([]int{pid}, children...) {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
	<-c.exited
	c.server = nil
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && anyAlive(children); {
		<-tick.C
	}
}

func anyAlive(pids []int) bool {
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			return true
		}
	}
	return false
}

// signalAll signals the server and every process it has started.
func (c *cluster) signalAll(s syscall.Signal) {
	pid := c.server.Process.Pid
	_ = syscall.Kill(pid, s) // first, so that it starts no other
	for _, child := range childrenOf(pid) {
		_ = syscall.Kill(child, s)
	}
}

// freePort is a port that nobody listens on, below those that the system gives to
// connections: so that it is still free for a server that is started again.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000) //nolint:gosec // no secret
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("testpg: no port is free")
	return 0
}
