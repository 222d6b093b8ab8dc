// Command bench measures the breaker beside its peers and beside the machine
// primitives that are the floor under every breaker, all in one run and each
// through its exported functions. It is a module of its own, so that the peers
// are nobody's dependency.
package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"sync/atomic"
	"testing" //nolint:depguard // a program that is nothing but benchmarks
)

// A load is how a benchmark calls: in a plain loop, or from so many goroutines
// for each P.
type load struct {
	name       string
	goroutines int // 0 is a plain loop
}

func loads() []load {
	return []load{
		{"serial", 0},
		{"par", 1},
		{"par16", max(1, 16/runtime.GOMAXPROCS(0))},
	}
}

func (l load) run(b *testing.B, call func() error, check func(error)) {
	b.Helper()
	if l.goroutines == 0 {
		for b.Loop() {
			check(call())
		}
		return
	}
	b.SetParallelism(l.goroutines)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			check(call())
		}
	})
}

// measure is one round of one subject under one load.
func measure(s subject, l load) (testing.BenchmarkResult, error) {
	call := s.call()
	var wrong atomic.Int64 // touched only where the benchmark fails
	r := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		l.run(b, call, func(err error) {
			if (err == nil) == s.rejected {
				wrong.Add(1)
			}
		})
	})
	if n := wrong.Load(); n > 0 && !s.inexact {
		return r, fmt.Errorf("%s, %s: %d calls did not end as they were to", s.name, l.name, n)
	}
	return r, nil
}

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 9, "how often everything is measured, in turn")
	each := flag.String("time", "30ms", "how long one measurement takes")
	only := flag.String("only", "*", "which subjects, as a pattern of the shell")
	into := flag.String("into", "", "the file whose section on the breaker is to be written")
	flag.Parse()
	if err := run(*rounds, *each, *only, *into); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, each, only, into string) error {
	if err := flag.Set("test.benchtime", each); err != nil {
		return err
	}
	var chosen []subject
	for _, s := range subjects() {
		match, err := path.Match(only, s.name)
		if err != nil {
			return err
		}
		if match || s.floor {
			chosen = append(chosen, s)
		}
	}
	t, err := measureAll(chosen, rounds)
	if err != nil {
		return err
	}
	text := t.markdown()
	fmt.Print(text)
	if into != "" {
		if err := t.write(into, text); err != nil {
			return err
		}
	}
	if t.allocate != nil {
		return fmt.Errorf("ours allocates: %s", strings.Join(t.allocate, ", "))
	}
	return nil
}
