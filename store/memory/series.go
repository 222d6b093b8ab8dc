package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.SeriesStore = (*Store)(nil)

// chunkKey is what makes two chunks one.
type chunkKey struct {
	service string
	step    time.Duration
	started int64
}

// whole refuses what is not of whole seconds.
func whole(op string, step time.Duration, moments ...time.Time) error {
	good := step >= time.Second && step%time.Second == 0
	for _, at := range moments {
		good = good && at.Nanosecond() == 0
	}
	if good {
		return nil
	}
	return &fleet.Error{Kind: fleet.Invalid, Op: op, Err: fmt.Errorf("a step of %v and %v are not all of whole seconds", step, moments)}
}

// PutSeries implements [fleet.SeriesStore]. A step, or a time, that is not one of
// whole seconds is Invalid. Of two chunks that are one the later stands.
func (s *Store) PutSeries(ctx context.Context, chunks []fleet.SeriesChunk) error {
	if err := s.lock(ctx, "put series"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, c := range chunks {
		if err := whole("put series", c.Step, c.Start, c.End); err != nil {
			return err
		}
	}
	if s.series == nil {
		s.series = make(map[chunkKey]fleet.SeriesChunk)
	}
	for _, c := range chunks {
		c = cloneChunk(c)
		c.Start, c.End = c.Start.UTC(), c.End.UTC()
		s.series[chunkKey{c.Service, c.Step, c.Start.Unix()}] = c
	}
	return nil
}

// Series implements [fleet.SeriesStore].
func (s *Store) Series(ctx context.Context, q fleet.SeriesQuery) ([]fleet.SeriesChunk, error) {
	if err := s.lock(ctx, "series"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if err := whole("series", q.Step); err != nil {
		return nil, err
	}
	all := s.chunksOf(func(c *fleet.SeriesChunk) bool {
		return c.Service == q.Service && c.Step == q.Step && c.Start.Before(q.To)
	})
	first := 0
	for i := range all {
		if !all[i].Start.After(q.From) {
			first = i
		}
	}
	return all[first:], nil
}

// chunksOf are copies of the chunks that are asked for, the oldest first.
func (s *Store) chunksOf(asked func(*fleet.SeriesChunk) bool) []fleet.SeriesChunk {
	var out []fleet.SeriesChunk
	for _, c := range s.series {
		if asked(&c) {
			out = append(out, cloneChunk(c))
		}
	}
	slices.SortFunc(out, func(a, b fleet.SeriesChunk) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.Service, b.Service))
	})
	return out
}

// SeriesAt implements [fleet.SeriesStore].
func (s *Store) SeriesAt(ctx context.Context, step time.Duration, at time.Time, of fleet.Which) ([]fleet.SeriesChunk, error) {
	if err := s.lock(ctx, "series at"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if err := whole("series at", step); err != nil {
		return nil, err
	}
	newest, has := make(map[string]fleet.SeriesChunk), quick(of)
	for _, c := range s.chunksOf(func(c *fleet.SeriesChunk) bool {
		return c.Step == step && !c.Start.After(at) && has(c.Service)
	}) {
		newest[c.Service] = c
	}
	out := make([]fleet.SeriesChunk, 0, len(newest))
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, newest[name])
	}
	return out, nil
}

// TrimSeries implements [fleet.SeriesStore].
func (s *Store) TrimSeries(ctx context.Context, step time.Duration, before time.Time, limit int) (int, error) {
	if err := s.lock(ctx, "trim series"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if err := whole("trim series", step); err != nil {
		return 0, err
	}
	old := s.chunksOf(func(c *fleet.SeriesChunk) bool { return c.Step == step && c.Start.Before(before) })
	old = old[:min(len(old), max(limit, 0))]
	for _, c := range old {
		delete(s.series, chunkKey{c.Service, c.Step, c.Start.Unix()})
	}
	return len(old), nil
}

// StateAt implements [fleet.SeriesStore].
func (s *Store) StateAt(ctx context.Context, at time.Time, of fleet.Which) ([]fleet.StateAt, error) {
	if err := s.lock(ctx, "state at"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	at = moment(at)
	states, has := make(map[string]fleet.StateAt), quick(of)
	for name, events := range s.eventsAt(at, has) {
		states[name] = fleet.StateAt{Service: name, Events: events}
	}
	for name, versions := range s.configs {
		for _, v := range slices.Backward(versions) {
			if v.At.After(at) || !has(name) {
				continue
			}
			state := states[name]
			state.Service, state.Config = name, cloneConfig(v)
			states[name] = state
			break
		}
	}
	out := make([]fleet.StateAt, 0, len(states))
	for _, name := range slices.Sorted(maps.Keys(states)) {
		out = append(out, states[name])
	}
	return out, nil
}

// quick is of.Has for many questions.
func quick(of fleet.Which) func(string) bool {
	if of.Names == nil {
		return of.Has
	}
	names := make(map[string]bool, len(of.Names))
	for _, name := range of.Names {
		names[name] = true
	}
	return func(name string) bool { return names[name] }
}

// eventsAt are, of each service that is asked for, the events that made its state.
func (s *Store) eventsAt(at time.Time, has func(string) bool) map[string][]fleet.Event {
	type pick struct{ service, what string }
	newest := make(map[pick]fleet.Event)
	for _, e := range s.events {
		if e.At.After(at) || !slices.Contains(fleet.StateKinds, e.Kind) || !has(e.Service) {
			continue
		}
		picks := []pick{{e.Service, string(e.Kind)}}
		if e.Kind == fleet.EventTransition && e.To == "open" {
			picks = append(picks, pick{e.Service, "opening"})
		}
		for _, p := range picks {
			if old, there := newest[p]; !there || !e.At.Before(old.At) {
				newest[p] = e
			}
		}
	}
	out := make(map[string][]fleet.Event)
	for p, e := range newest {
		if !slices.ContainsFunc(out[p.service], func(o fleet.Event) bool { return o.ID == e.ID }) {
			out[p.service] = append(out[p.service], cloneEvent(e))
		}
	}
	for _, events := range out {
		slices.SortFunc(events, func(a, b fleet.Event) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out
}

func cloneChunk(c fleet.SeriesChunk) fleet.SeriesChunk {
	c.Points = bytes.Clone(c.Points)
	return c
}
