// Command rule measures how long it takes from the failure that makes a quorum
// until every other instance of a service is open, and beside it the same with
// gobreaker's distributed breaker over Redis. See the README of this module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/degenduel/switchgear/bench/internal/results"
)

// options say what is measured.
type options struct {
	instances, rounds, calls int
	peerRounds               int
	server, redis, database  string
	patience                 time.Duration
}

// figures are what one way did.
type figures struct {
	name   string
	spread []time.Duration // from the fault until each other instance knew, over all rounds
	alone  []time.Duration // a decision, one at a time
	paced  []time.Duration // a decision, where every instance asks once a second
	errors int             // decisions that were none
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rule:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	var o options
	flags := flag.NewFlagSet("rule", flag.ContinueOnError)
	flags.IntVar(&o.instances, "instances", 200, "instances of the service, 3 or more")
	flags.IntVar(&o.rounds, "rounds", 20, "faults")
	flags.IntVar(&o.peerRounds, "peer-rounds", 3, "faults with gobreaker, which take longer")
	flags.IntVar(&o.calls, "calls", 2000, "decisions that are measured one at a time")
	flags.StringVar(&o.server, "server", "", "the program to start (default: built from this source)")
	flags.StringVar(&o.database, "database", "", "the URL of an empty PostgreSQL database: then two managers share it, each with half of the agents")
	flags.StringVar(&o.redis, "redis", "redis-server", "the program of Redis; empty: without gobreaker")
	flags.DurationVar(&o.patience, "patience", 2*time.Minute, "how long the instances of a round may take")
	path := flags.String("results", "RESULTS.md", "the file whose section is written; empty: only print")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.instances < 3 || o.rounds < 1 || o.peerRounds < 1 || o.calls < 1 || flags.NArg() > 0 {
		return errors.New("-instances must be 3 or more, -rounds, -peer-rounds and -calls 1 or more, and nothing follows them")
	}
	dir, err := os.MkdirTemp("", "rule-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	measured := make([]figures, 0, 2)
	ours, err := measureOurs(ctx, &o, dir, "")
	if err != nil {
		return fmt.Errorf("the fleet rule: %w", err)
	}
	measured = append(measured, *ours)
	if o.database != "" {
		two, err := measureOurs(ctx, &o, dir, o.database)
		if err != nil {
			return fmt.Errorf("the fleet rule of two managers: %w", err)
		}
		measured = append(measured, *two)
	}
	if o.redis != "" {
		theirs, err := measureGobreaker(ctx, &o, dir)
		if err != nil {
			return fmt.Errorf("gobreaker: %w", err)
		}
		measured = append(measured, *theirs)
	}
	s := section(&o, measured)
	fmt.Println(s.Body)
	if *path == "" {
		return nil
	}
	return results.Write(*path, s)
}

func section(o *options, measured []figures) results.Section {
	t := results.Table{{
		"", "fault → every other instance, ms: p50, p99, last", "a decision, µs: p50, p99", "all ask once a second, µs: p50, p99", "decisions that failed",
	}}
	for _, f := range measured {
		t.Add(f.name, fmt.Sprintf("%s, **%s**, %s", results.MS(at(f.spread, 0.5)), results.MS(at(f.spread, 0.99)), results.MS(at(f.spread, 1))),
			pair(f.alone), pair(f.paced), f.errors)
	}
	var b strings.Builder
	b.WriteString(t.String())
	fmt.Fprintf(&b, `
%d instances on real sockets of one machine, %d faults and %d with gobreaker. Ours: a manager on SQLite, or two on PostgreSQL with half of the agents each, `+"`quorumInstances: 2`"+`; from the failure that
opens the second instance until the breaker of each other one is open. gobreaker: one name over Redis, which all share; from the
failure that opens it until each other instance, which all ask from then on as fast as they are answered, was told no. The two are not alike: ours tells, theirs is asked; with
theirs one instance alone opens all, each decision is the store's to make, and where two ask at once one of them waits 500 ms,
by its design. A decision is a call that does nothing, in a closed circuit.
`, o.instances, o.rounds, o.peerRounds)
	return results.Section{
		Name: "rule", Title: "A fault at one instance, at all others", Machine: results.ThisMachine(),
		Command: fmt.Sprintf("go -C bench run ./rule -instances %d -rounds %d", o.instances, o.rounds), Body: b.String(),
	}
}

func pair(all []time.Duration) string {
	us := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Microsecond)) }
	return us(at(all, 0.5)) + ", " + us(at(all, 0.99))
}

// at is the one at that place of all, in order.
func at(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// paced has every instance ask once a second for a while, each at a time of its own.
func paced(ctx context.Context, n int, ask func(instance int) (time.Duration, error)) (took []time.Duration, failed int) {
	const each = 5
	type answer struct {
		took time.Duration
		err  error
	}
	answers := make(chan answer, n*each)
	for i := range n {
		go func() {
			next := time.NewTicker(time.Second)
			defer next.Stop()
			wait(ctx, time.Duration(i)*time.Second/time.Duration(n))
			for range each {
				d, err := ask(i)
				answers <- answer{d, err}
				select {
				case <-next.C:
				case <-ctx.Done():
				}
			}
		}()
	}
	for range n * each {
		a := <-answers
		if a.err != nil {
			failed++
			continue
		}
		took = append(took, a.took)
	}
	return took, failed
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
