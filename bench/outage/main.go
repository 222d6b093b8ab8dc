// Command outage measures what a decision costs in programs that are members of a
// fleet, before their manager is lost, while it is, and after: each program is a
// process of its own. It fails where a decision that was made meanwhile does not
// reach the manager afterwards. See the README of this module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/bench/internal/results"
	"github.com/degenduel/switchgear/client"
)

// options say what is measured.
type options struct {
	programs, batches int
	server            string
	patience          time.Duration
}

func main() {
	if os.Getenv(childEnv) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, "outage: a program:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "outage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	var o options
	flags := flag.NewFlagSet("outage", flag.ContinueOnError)
	flags.IntVar(&o.programs, "programs", 100, "processes, each a member of the fleet")
	flags.IntVar(&o.batches, "batches", 40, "batches of 1 000 decisions that each measures of each kind and phase, 50 ms apart")
	flags.StringVar(&o.server, "server", "", "the program to start (default: built from this source)")
	flags.DurationVar(&o.patience, "patience", 2*time.Minute, "how long anything may take")
	path := flags.String("results", "RESULTS.md", "the file whose section is written; empty: only print")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.programs < 1 || o.batches < 1 || flags.NArg() > 0 {
		return errors.New("-programs and -batches must be 1 or more, and nothing follows them")
	}
	dir, err := os.MkdirTemp("", "outage-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.server == "" {
		if o.server, err = procs.Build(ctx, dir); err != nil {
			return err
		}
	}
	s, err := measure(ctx, &o, dir)
	if err != nil {
		return err
	}
	fmt.Println(s.Body)
	if *path == "" {
		return nil
	}
	return results.Write(*path, *s)
}

// phase is a part of the run.
type phase struct {
	name  string
	begin func() error
	end   func() error
}

// measure has all programs measure in each phase.
func measure(ctx context.Context, o *options, dir string) (*results.Section, error) {
	spec := procs.ServerSpec{Program: []string{o.server}, Data: dir + "/data"}
	server, err := procs.StartServer(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer func() { server.Kill() }()
	spec.Listen, spec.Token = server.Address(), server.Token
	crew, err := hire(ctx, o, server)
	if err != nil {
		return nil, err
	}
	defer crew.dismiss()
	c, err := client.New(server.URL, server.Token, client.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	nothing := func() error { return nil }
	start := func() (err error) {
		server, err = procs.StartServer(ctx, spec)
		return err
	}
	var all results.Table
	all.Add("", "a call, ns: least, median, most of the batches", "a rejection, ns")
	for _, p := range []phase{
		{"the manager is there", nothing, nothing},
		{"it is killed", func() error { server.Kill9(); return nil }, start},
		{"it is there again", nothing, nothing},
		{"it is stopped (SIGSTOP)", func() error { return server.Signal(syscall.SIGSTOP) }, func() error { return server.Signal(syscall.SIGCONT) }},
		{"it goes on", nothing, nothing},
	} {
		if err := p.begin(); err != nil {
			return nil, err
		}
		got, err := crew.work(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if err := p.end(); err != nil {
			return nil, err
		}
		all.Add(p.name, got.calls(), got.rejections())
	}
	back, err := crew.accounted(ctx, o, c)
	if err != nil {
		return nil, err
	}
	return &results.Section{
		Name: "outage", Title: "Decisions while the manager is lost", Machine: results.ThisMachine(),
		Command: fmt.Sprintf("go -C bench run ./outage -programs %d -batches %d", o.programs, o.batches),
		Body: all.String() + fmt.Sprintf(`
%d programs, each a process with an agent on a real socket; in each phase each makes %d batches of 1 000 calls in a closed circuit, and as many
of rejections in an open one, and opens and closes a third circuit five times. All on the same two cores, so the most of the batches is what the system
scheduled. Of the %d transitions that were made, in every phase, all were stored afterwards, each once and in order, %.1f s after the last phase.
`, o.programs, o.batches, o.programs*flips*2*5, back.Seconds()),
	}, nil
}

// figures are ns for each batch, of all programs.
type figures struct{ Calls, Rejections []float64 }

func (f *figures) calls() string      { return line(f.Calls) }
func (f *figures) rejections() string { return line(f.Rejections) }

func line(all []float64) string {
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.1f, **%.1f**, %.0f", all[0], all[len(all)/2], all[len(all)-1])
}
