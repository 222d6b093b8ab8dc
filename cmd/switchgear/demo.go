package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/degenduel/switchgear/demo"
	"github.com/degenduel/switchgear/internal/timespan"
)

type demoCmd struct {
	Listen string        `placeholder:"ADDRESS" help:"Where to listen (SWITCHGEAR_LISTEN; default 127.0.0.1:8080)."`
	For    time.Duration `placeholder:"TIME" help:"End after so long; without it, when it is interrupted."`
	Plain  bool          `help:"Print each event as a line, as where the output is no terminal, instead of a table that is drawn in place."`
}

// Help is what the flags do not say.
func (*demoCmd) Help() string {
	return `Nothing is made up but the faults: the services are HTTP servers on loopback, the traffic is
real, and so is the manager. It needs nothing and leaves nothing behind.`
}

// Validate names the flags that cannot be.
func (c *demoCmd) Validate() error {
	if c.For < 0 {
		return fmt.Errorf("--for: %s is no time to come", timespan.Text(c.For))
	}
	return (&serveCmd{Listen: c.Listen}).Validate()
}

// Run shows the demo until ctx ends.
func (c *demoCmd) Run(ctx context.Context, p *process) error {
	if !signal.Ignored(syscall.SIGHUP) { // the end of its terminal is its own, unless nohup runs it
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	signal.Ignore(syscall.SIGPIPE) // of head, say: the write fails, and it ends like that
	env, err := p.environment("SWITCHGEAR_LISTEN")
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Listen: cmp.Or(c.Listen, env.Settings.Listen), Stdout: p.stdout, Stderr: p.stderr,
		Live: !c.Plain && p.drawsIn(p.stdout), Duration: c.For,
	})
}

// drawsIn reports whether w is a terminal that can move its cursor.
func (p *process) drawsIn(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	term, _ := p.lookupEnv("TERM")
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && term != "dumb"
}
