package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// window is how many changes are under way at a time. It must be well below
// aFew: an update is left out for a newer one of the same service.
const window = 32

func (l *load) sustained(ctx context.Context) (string, error) {
	t := table{{"sockets", "floor, changes a second", "ours, changes a second", "ours, messages delivered a second", "ours by floor", "clients lost", "snapshots instead of changes"}}
	for _, n := range l.sockets {
		if err := l.sustainedTo(ctx, n, &t); err != nil {
			return "", fmt.Errorf("%d sockets: %w", n, err)
		}
	}
	return t.String() + fmt.Sprintf(`
At most %d changes are under way: the next is asked for when the last client has one.
Every change is stored, and is two messages to every client. The floor writes each
change to each connection with one call; ours joins what has piled up. The median of
three periods of %s, in turns.
`, window, l.period), nil
}

const periods = 3

func (l *load) sustainedTo(ctx context.Context, n int, t *table) error {
	p, err := l.openPair(ctx, n)
	if err != nil {
		return err
	}
	defer p.close()
	before, err := p.ours.count(ctx)
	if err != nil {
		return err
	}
	var ours, floor, ratios []float64
	for range l.often(periods) {
		passed, err := l.keepUp(ctx, p.raw, &p.passed, func(ctx context.Context, _ int) error {
			return p.floor.call(ctx, "Floor.Broadcast", p.change, &struct{}{})
		})
		if err != nil {
			return err
		}
		told, err := l.keepUp(ctx, p.ours, &p.done, func(ctx context.Context, i int) error { return reset(ctx, p.server, i%aFew) })
		if err != nil {
			return err
		}
		ours, floor, ratios = append(ours, told), append(floor, passed), append(ratios, told/passed)
	}
	after, err := p.ours.count(ctx)
	if err != nil {
		return err
	}
	const messages = 2
	t.Add(n, thousands(median(floor)), thousands(median(ours)), thousands(median(ours)*float64(n*messages)),
		fmt.Sprintf("**%.2f**", median(ratios)), 0, after.Pages-before.Pages)
	return nil
}

// keepUp has changes made as fast as all clients are told of them, and returns
// how many there were a second. done is how many there had been.
func (l *load) keepUp(ctx context.Context, c *crowd, done *int, change func(ctx context.Context, i int) error) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, window)
	asked := make(chan struct{}, window) // each a change that will be told
	began, first := time.Now(), *done
	group.Go(func() error {
		defer close(asked)
		for i := first; time.Since(began) < l.period; i++ {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			group.Go(func() error { return change(ctx, i) })
			asked <- struct{}{}
		}
		return nil
	})
	var last time.Duration
	group.Go(func() error {
		for range asked {
			at, err := c.told(ctx, *done)
			if err != nil {
				return err
			}
			*done++
			last = since(began, at.Last)
			<-slots
		}
		return nil
	})
	err := group.Wait()
	return float64(*done-first) / last.Seconds(), err
}
