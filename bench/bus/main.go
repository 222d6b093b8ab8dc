// Command bus measures how fast hints go from one node of a manager to another,
// by each bus, and beside each what the same costs without it, in the same run.
// See the README of this module.
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

// way is one way of telling. open connects a teller and a listener, and calls
// heard for each hint that arrives, with its number.
type way struct {
	name string
	open func(ctx context.Context, o options, heard func(n uint64)) (w wire, err error)
}

// wire is a way that is connected.
type wire struct {
	tell  func(n uint64) error
	close func()
}

// options are where the servers are, and how much is measured.
type options struct {
	postgres, nats string
	pings          int
	burst          uint64
	rounds         int
}

// figures are what one way did.
type figures struct {
	latency []time.Duration
	rates   []float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bus", flag.ContinueOnError)
	flags.StringVar(&o.postgres, "postgres", "", "the URL of a database (default: without PostgreSQL)")
	flags.StringVar(&o.nats, "nats", "", "the URL of a server (default: without NATS)")
	flags.IntVar(&o.pings, "pings", 1000, "how many hints are told one after the other in a round, 1 ms apart")
	flags.Uint64Var(&o.burst, "burst", 100_000, "how many hints are told in a round as fast as they arrive")
	flags.IntVar(&o.rounds, "rounds", 5, "how often all is measured, in turn")
	path := flags.String("results", "RESULTS.md", "the file whose section is written; empty: only print")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.pings < 1 || o.burst < 1 || o.rounds < 1 {
		return errors.New("-pings, -burst and -rounds must be 1 or more")
	}
	all := ways(o) //nolint:contextcheck // a bus lasts until it is closed
	measured := make([]figures, len(all))
	for range o.rounds {
		for i, w := range all {
			if err := measure(ctx, o, w, &measured[i]); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	text := table(all, measured)
	fmt.Print(text)
	if *path == "" {
		return nil
	}
	return results.Write(*path, results.Section{
		Name: "bus", Title: "Hints between nodes", Machine: results.ThisMachine(), Body: text,
		Command: "go -C bench run ./bus -postgres URL -nats URL",
	})
}

// window is how many hints of a burst are under way: what no queue of a bus drops.
const window = 2048

// measure is one round of one way.
func measure(ctx context.Context, o options, w way, f *figures) error {
	heard := make(chan uint64, window)
	c, err := w.open(ctx, o, func(n uint64) { heard <- n })
	if err != nil {
		return err
	}
	defer c.close()
	next := uint64(0)
	tell := func() error {
		next++
		return c.tell(next)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	hear := func(n uint64) error {
		select {
		case got := <-heard:
			if got != n {
				return fmt.Errorf("%d came in the place of %d", got, n)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%d did not come: %w", n, ctx.Err())
		}
	}
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for range o.pings {
		<-pace.C
		start := time.Now()
		if err := errors.Join(tell(), hear(next)); err != nil {
			return err
		}
		f.latency = append(f.latency, time.Since(start))
	}
	start, from := time.Now(), next
	for came := uint64(0); came < o.burst; came++ {
		for next-from < o.burst && next-from-came < window {
			if err := tell(); err != nil {
				return err
			}
		}
		if err := hear(from + came + 1); err != nil {
			return err
		}
	}
	f.rates = append(f.rates, float64(o.burst)/time.Since(start).Seconds())
	return nil
}

func table(all []way, measured []figures) string {
	var b strings.Builder
	b.WriteString("One hint of about 80 bytes from a teller to a listener in the same process: the time until it is there, of hints\n" +
		"1 ms apart, and how many a second go where 2048 may be under way, the median of the rounds.\n\n" +
		"| | p50 µs | p99 µs | hints/s |\n|---|---|---|---|\n")
	for i, w := range all {
		f := measured[i]
		slices.Sort(f.latency)
		slices.Sort(f.rates)
		micros := func(share float64) float64 {
			return float64(f.latency[int(share*float64(len(f.latency)-1))]) / float64(time.Microsecond)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f |\n", w.name, micros(0.5), micros(0.99), f.rates[len(f.rates)/2])
	}
	return b.String()
}
