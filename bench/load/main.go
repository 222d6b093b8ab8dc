// Command load measures the manager under load on one machine: real processes,
// real sockets, and beside each measurement a floor in the same run, which is
// the least that a program could do for the same effect. See the README of this
// module.
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

// options are what is measured, and how much of it.
type options struct {
	parts    []string
	sockets  []int // of the fan-out
	services int   // of a large fleet
	readers  int   // of a snapshot at once
	storm    int   // clients that come back
	rounds   int
	period   time.Duration // of what is sustained
	huge     bool          // also a snapshot of ten times the services
	tries    int           // of a part, while other programs disturb it
}

// load is a run of the program.
type load struct {
	options

	database string

	program []string // the server
	seeds   seeds
	dir     string
}

// part is one measurement. Its text is Markdown.
type part struct {
	name, title string
	run         func(l *load, ctx context.Context) (string, error)
}

var parts = []part{
	{"fanout", "One change to many sockets", (*load).fanOut},
	{"sustained", "Changes a second to many sockets", (*load).sustained},
	{"snapshot", "A large fleet to new clients", (*load).snapshots},
	{"storm", "Many clients coming back", (*load).storms},
	{"store", "Writes a second", (*load).writes},
	{"postgres", "Writes a second to PostgreSQL", (*load).postgresWrites},
	{"start", "Start with a large fleet", (*load).starts},
}

func main() {
	if len(os.Args) == 2 && (os.Args[1] == roleSwarm || os.Args[1] == roleFloor) {
		exit(help(os.Args[1]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, os.Args[1:]))
}

func exit(err error) {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	var l load
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	names := flags.String("parts", "all", "what to measure: "+strings.Join(partNames(), ","))
	sockets := flags.String("sockets", "1000,5000,10000", "how many sockets a change goes to")
	flags.IntVar(&l.services, "services", 10_000, "how many services a large fleet has")
	flags.IntVar(&l.readers, "readers", 1000, "how many clients take a snapshot at once")
	flags.IntVar(&l.storm, "storm", 5000, "how many clients come back")
	flags.IntVar(&l.rounds, "rounds", 40, "how often a change is measured; other things less often")
	flags.DurationVar(&l.period, "period", 5*time.Second, "how long changes go on")
	flags.BoolVar(&l.huge, "huge", false, "measure a snapshot of ten times the services too")
	flags.IntVar(&l.tries, "tries", 1, "measure a part up to so often while other programs use more than a tenth of the processors, and keep what they disturbed least")
	flags.StringVar(&l.database, "database", "", "the URL of an empty PostgreSQL database, which the part postgres fills; without it that is left out")
	program := flags.String("server", "", "the program to measure (default: built from this source)")
	path := flags.String("results", "RESULTS.md", "the file whose sections are written; empty: only print")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if l.parts, err = chosen(*names); err != nil {
		return err
	}
	if l.sockets, err = integers(*sockets); err != nil {
		return err
	}
	if err := l.prepare(ctx, *program); err != nil {
		return err
	}
	defer os.RemoveAll(l.dir) //nolint:errcheck // it is in the system's place for such things
	command := strings.TrimSpace("go -C bench run ./load " + strings.Join(args, " "))
	if l.database != "" { // it may have a password
		command = strings.ReplaceAll(command, l.database, "postgres://…")
	}
	for _, p := range parts {
		if !slices.Contains(l.parts, p.name) || p.name == "postgres" && l.database == "" {
			continue
		}
		section, err := l.measure(ctx, p, command)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if *path != "" {
			err = results.Write(*path, section)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func chosen(list string) ([]string, error) {
	if list == "all" {
		return partNames(), nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("-parts: there is no part %q", name)
		}
	}
	return names, nil
}

func integers(list string) ([]int, error) {
	var all []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-sockets: %q is no number of sockets", word)
		}
		all = append(all, n)
	}
	return all, nil
}

// socketsPerToken is below what one identity may have.
const socketsPerToken = 16

func (l *load) prepare(ctx context.Context, program string) (err error) {
	if l.dir, err = os.MkdirTemp("", "switchgear-load-*"); err != nil {
		return err
	}
	most := max(slices.Max(l.sockets), l.readers, l.storm)
	l.seeds = seeds{dir: l.dir, tokens: most/socketsPerToken + 1}
	if program == "" {
		program, err = procs.Build(ctx, l.dir)
	} else {
		program, err = filepath.Abs(program)
	}
	l.program = []string{program}
	return err
}

// disturbed is the share of the processors that other programs may use.
const disturbed = 0.1

func (l *load) measure(ctx context.Context, p part, command string) (results.Section, error) {
	body, least := "", 2.0
	for try := 0; try < l.tries && least > disturbed; try++ {
		fmt.Fprintf(os.Stderr, "measuring %s\n", p.name)
		share := procs.Foreign()
		text, err := p.run(l, ctx)
		if err != nil {
			return results.Section{}, err
		}
		if used := share(); used < least {
			least = used
			body = text + fmt.Sprintf("\nOther programs used %.0f %% of the machine's processors meanwhile.\n", 100*used)
		}
	}
	fmt.Printf("## %s\n\n%s\n", p.title, body)
	return results.Section{Name: "load-" + p.name, Title: p.title, Command: command, Machine: results.ThisMachine(), Body: body}, nil
}

// often is how often something is measured that is measured at most so often.
func (l *load) often(most int) int { return min(most, l.rounds) }

// spec is a crowd of our server's clients.
func (l *load) spec(s *procs.Server, count, buffer int) Spec {
	return Spec{Address: s.Address(), Count: count, Tokens: secrets(l.seeds.tokens), PerToken: socketsPerToken, Buffer: buffer, Record: true}
}
