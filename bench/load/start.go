package main

import (
	"context"
	"fmt"

	"github.com/degenduel/switchgear/bench/internal/procs"
)

// startRounds is how often a start is measured.
const startRounds = 7

// starting is one way to start.
type starting struct {
	name   string
	times  durations
	cpu    durations                        // used until the first answer
	spec   func() (procs.ServerSpec, error) // of a round
	budget string
}

func (l *load) starts(ctx context.Context) (string, error) {
	file, err := l.seeds.file(l.services)
	if err != nil {
		return "", err
	}
	fresh := func(data string, err error) (procs.ServerSpec, error) {
		return procs.ServerSpec{Program: l.program, Data: data}, err
	}
	withFile := func(spec procs.ServerSpec, err error) (procs.ServerSpec, error) {
		spec.Config = file
		return spec, err
	}
	known, err := l.startedWith(ctx, file)
	if err != nil {
		return "", err
	}
	stored := fmt.Sprintf("%d services in the store", l.services)
	ways := []*starting{
		{name: "floor: nothing in the store", budget: "–", spec: func() (procs.ServerSpec, error) { return fresh(l.seeds.empty()) }},
		{name: stored, budget: "1000", spec: func() (procs.ServerSpec, error) { return fresh(l.seeds.store(ctx, l.services)) }},
		{name: stored + ", from the file, which is the same", budget: "1000", spec: func() (procs.ServerSpec, error) { return withFile(fresh(l.seeds.copyOf(known))) }},
		{name: fmt.Sprintf("%d services in the file, all new", l.services), budget: "1000", spec: func() (procs.ServerSpec, error) { return withFile(fresh(l.seeds.empty())) }},
	}
	for range l.often(startRounds) {
		for _, way := range ways {
			spec, err := way.spec()
			if err != nil {
				return "", err
			}
			s, err := procs.StartServer(ctx, spec)
			if err != nil {
				return "", fmt.Errorf("%s: %w", way.name, err)
			}
			way.times, way.cpu = append(way.times, s.Took.Answered), append(way.cpu, s.Took.CPU)
			if err := s.Stop(); err != nil {
				return "", err
			}
		}
	}
	t := table{{"start with", "to the first answer, ms", "budget", "by the floor", "CPU until then, ms"}}
	for _, way := range ways {
		t.Add(way.name, way.times.spread(), way.budget, fmt.Sprintf("%.1f", ratio(way.times, ways[0].times)), ms(way.cpu.median()))
	}
	return t.String() + "\nFrom the start of the process to the answer of GET /api/v2/services?limit=1.\n", nil
}

// startedWith is a data directory after a start with the file.
func (l *load) startedWith(ctx context.Context, file string) (string, error) {
	data, err := l.seeds.empty()
	if err != nil {
		return "", err
	}
	s, err := procs.StartServer(ctx, procs.ServerSpec{Program: l.program, Data: data, Config: file})
	if err != nil {
		return "", err
	}
	return data, s.Stop()
}
