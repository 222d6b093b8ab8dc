package faulty

import (
	"context"
	"errors"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.SeriesStore = (*Store)(nil)

// errNoSeries is of a store that keeps no series.
var errNoSeries = &fleet.Error{Kind: fleet.Internal, Op: "series", Err: errors.New("the store that is wrapped keeps no series")}

// askSeries is ask of the store that keeps the series.
func askSeries[T any](ctx context.Context, s *Store, op Op, call func(fleet.SeriesStore) (T, error)) (T, error) {
	return ask(ctx, s, op, func() (T, error) {
		inner, ok := s.inner.(fleet.SeriesStore)
		if !ok {
			var none T
			return none, errNoSeries
		}
		return call(inner)
	})
}

// PutSeries implements [fleet.SeriesStore].
func (s *Store) PutSeries(ctx context.Context, chunks []fleet.SeriesChunk) error {
	_, err := askSeries(ctx, s, PutSeries, func(inner fleet.SeriesStore) (struct{}, error) {
		return struct{}{}, inner.PutSeries(ctx, chunks)
	})
	return err
}

// Series implements [fleet.SeriesStore].
func (s *Store) Series(ctx context.Context, q fleet.SeriesQuery) ([]fleet.SeriesChunk, error) {
	return askSeries(ctx, s, Series, func(inner fleet.SeriesStore) ([]fleet.SeriesChunk, error) { return inner.Series(ctx, q) })
}

// SeriesAt implements [fleet.SeriesStore].
func (s *Store) SeriesAt(ctx context.Context, step time.Duration, at time.Time, of fleet.Which) ([]fleet.SeriesChunk, error) {
	return askSeries(ctx, s, SeriesAt, func(inner fleet.SeriesStore) ([]fleet.SeriesChunk, error) {
		return inner.SeriesAt(ctx, step, at, of)
	})
}

// TrimSeries implements [fleet.SeriesStore].
func (s *Store) TrimSeries(ctx context.Context, step time.Duration, before time.Time, limit int) (int, error) {
	return askSeries(ctx, s, TrimSeries, func(inner fleet.SeriesStore) (int, error) { return inner.TrimSeries(ctx, step, before, limit) })
}

// StateAt implements [fleet.SeriesStore].
func (s *Store) StateAt(ctx context.Context, at time.Time, of fleet.Which) ([]fleet.StateAt, error) {
	return askSeries(ctx, s, StateAt, func(inner fleet.SeriesStore) ([]fleet.StateAt, error) { return inner.StateAt(ctx, at, of) })
}
