// Command fleet makes the load of a fleet of agents on a manager, with real
// sockets, and measures what it costs: see -h and the README of this module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/bench/internal/results"
)

const usage = `fleet simulates agents that join a manager, each with breakers that report and
change their state, and measures the manager. It starts a manager of its own for
each run, with an empty store; or, with -url, joins one that is there.

    fleet -runs 100x10,1000x10                on SQLite
    fleet -runs 1000x100 -database postgres://…
    fleet -runs 5000x2 -storms cut,kill       how long until all are back
    fleet -runs 100x10 -url https://… -pid 0  the token is in SWITCHGEAR_TOKEN

The agents are light ones that speak the protocol, not package agent: the
manager cannot tell, and a machine has room for more of them. One process has as
many as it may open files, less a few (ulimit -Hn).

`

// The storms.
const (
	stormCut  = "cut"  // all connections, at once
	stormKill = "kill" // the manager, which then starts again
)

// options say what a run is.
type options struct {
	Agents, Breakers int
	Instances        int           // agents that have the same services
	Rate             float64       // agents that join a second; 0: all at once
	Share            float64       // of an agent's breakers that report each second
	Transitions      float64       // a second, of all agents together
	Watchers         int           // of the live stream
	Warm, For        time.Duration // of the steady part
	Patience         time.Duration // until all have joined, or are back
	Storms           []string
	URL, Token       string
	PID              int
	Database         string
}

// services is how many there are.
func (o *options) services() int { return (o.Agents + o.Instances - 1) / o.Instances * o.Breakers }

func (o *options) store() string {
	switch {
	case o.URL != "":
		return "–"
	case o.Database != "":
		return "PostgreSQL"
	}
	return "SQLite"
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "fleet:", err)
	os.Exit(1)
}

func start(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage) // there is nobody else to tell
		flags.PrintDefaults()
	}
	runs := flags.String("runs", "100x10", "agents x breakers of each, run by run")
	flags.IntVar(&o.Instances, "instances", 10, "how many agents have the same services; 1: each has its own")
	flags.Float64Var(&o.Rate, "rate", 0, "agents that join a second; 0: all at once")
	flags.Float64Var(&o.Share, "share", 0.1, "share of the breakers that report each second, 0 … 1")
	flags.Float64Var(&o.Transitions, "transitions", 20, "transitions a second, of all agents together")
	flags.IntVar(&o.Watchers, "watchers", 1, "clients of the live stream, 0 … 16; the first measures")
	flags.DurationVar(&o.Warm, "warm", 5*time.Second, "how long all are there before it is measured")
	flags.DurationVar(&o.For, "for", 20*time.Second, "how long it is measured")
	flags.DurationVar(&o.Patience, "patience", 3*time.Minute, "how long all may take to join, or to come back")
	storms := flags.String("storms", "", "storms after that, in turn: cut, kill")
	flags.StringVar(&o.URL, "url", "", "a manager that is there; its token is in SWITCHGEAR_TOKEN, of the role admin, and it keeps what the agents bring")
	flags.IntVar(&o.PID, "pid", 0, "the process of that manager, where it is on this machine: for what it uses")
	flags.StringVar(&o.Database, "database", "", "the URL of an empty PostgreSQL database for our own manager, of one run; default: SQLite")
	program := flags.String("server", "", "the program to start (default: built from this source)")
	path := flags.String("results", "", "the file in which the section of this program is written anew; empty: only print")
	section := flags.String("section", "fleet", "the name of that section")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.Token = os.Getenv("SWITCHGEAR_TOKEN")
	if *storms != "" {
		o.Storms = strings.Split(*storms, ",")
	}
	sizes, err := sizesOf(*runs)
	if err != nil {
		return err
	}
	if err := o.check(flags.NArg(), len(sizes)); err != nil {
		return err
	}
	out, err := all(ctx, &o, sizes, *program)
	body := out.text()
	fmt.Print(body)
	if err != nil || *path == "" {
		return err
	}
	command := "go -C bench run ./fleet " + strings.Join(args, " ")
	if o.Database != "" { // it may have a password
		command = strings.ReplaceAll(command, o.Database, "postgres://…")
	}
	return results.Write(*path, results.Section{
		Name: *section, Title: "A fleet of agents, " + o.store(), Command: command, Machine: results.ThisMachine(), Body: body,
	})
}

func (o *options) check(rest, runs int) error {
	const mostWatchers = 16
	switch {
	case rest > 0:
		return errors.New("there are no arguments but flags")
	case o.Instances < 1:
		return fmt.Errorf("-instances: %d is not 1 or more", o.Instances)
	case o.Share < 0 || o.Share > 1:
		return fmt.Errorf("-share: %v is not in 0 … 1", o.Share)
	case o.Rate < 0 || o.Transitions < 0:
		return errors.New("-rate, -transitions: below 0")
	case o.Watchers < 0 || o.Watchers > mostWatchers:
		return fmt.Errorf("-watchers: %d is not in 0 … %d", o.Watchers, mostWatchers)
	case (o.URL != "" || o.Database != "") && runs > 1:
		return errors.New("-url, -database: one run only, for it would find what the run before has left")
	case o.URL != "" && slices.Contains(o.Storms, stormKill):
		return errors.New("-storms: kill is for a manager of our own")
	}
	for _, s := range o.Storms {
		if s != stormCut && s != stormKill {
			return fmt.Errorf("-storms: %q is neither cut nor kill", s)
		}
	}
	return nil
}

// sizesOf are the agents and breakers of each run.
func sizesOf(list string) (sizes [][2]int, err error) {
	const most = 250 * portsPerAddress
	for word := range strings.SplitSeq(list, ",") {
		a, b, _ := strings.Cut(word, "x")
		agents, wrong := strconv.Atoi(a)
		breakers, bad := strconv.Atoi(b)
		if errors.Join(wrong, bad) != nil || agents < 1 || agents > most || breakers < 1 {
			return nil, fmt.Errorf("-runs: %q is not such as 100x10", word)
		}
		sizes = append(sizes, [2]int{agents, breakers})
	}
	return sizes, nil
}

func all(ctx context.Context, o *options, sizes [][2]int, program string) (out *outcome, err error) {
	out = newOutcome()
	dir, err := os.MkdirTemp("", "switchgear-fleet-*")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the system's place for such things
	switch {
	case o.URL != "":
	case program == "":
		program, err = procs.Build(ctx, dir)
	default:
		program, err = filepath.Abs(program)
	}
	for _, size := range sizes {
		if err != nil {
			return out, err
		}
		o.Agents, o.Breakers = size[0], size[1]
		err = measure(ctx, o, dir, program, out)
	}
	return out, err
}

// text is all of it as Markdown.
func (o *outcome) text() string {
	var text strings.Builder
	text.WriteString(o.joined.String() + "\n" + o.steady.String() + "\n")
	if len(o.storms) > 1 {
		text.WriteString(o.storms.String() + "\n")
	}
	for _, note := range o.notes {
		text.WriteString("- " + note + "\n")
	}
	return text.String()
}
