package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// crowd is clients in as many processes as the limit of open files asks for.
type crowd struct {
	swarms []*helper
	spec   Spec
}

// socketsPerProcess leaves some for what else a process has open.
func socketsPerProcess() int {
	const few, spare = 1000, 200
	text, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return few
	}
	// A Go program raises its limit to the hard one, which is the second.
	found := regexp.MustCompile(`Max open files\s+\S+\s+(\d+)`).FindSubmatch(text)
	if found == nil {
		return few
	}
	limit, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return few
	}
	return max(few, limit-spare)
}

// openCrowd connects the clients; it returns when all have everything.
func openCrowd(ctx context.Context, spec Spec) (_ *crowd, at Arrival, err error) {
	c := &crowd{spec: spec}
	defer func() {
		if err != nil {
			c.kill()
		}
	}()
	most := socketsPerProcess()
	for first := 0; first < spec.Count; first += most {
		h, err := newHelper(ctx, roleSwarm)
		if err != nil {
			return nil, at, err
		}
		c.swarms = append(c.swarms, h)
	}
	at, err = c.open(ctx)
	return c, at, err
}

func (c *crowd) open(ctx context.Context) (Arrival, error) {
	most := socketsPerProcess()
	return c.each(ctx, "Swarm.Open", func(i int) any {
		part := c.spec
		part.First = i * most
		part.Count = min(most, c.spec.Count-part.First)
		part.Record = c.spec.Record && i == 0
		return part
	})
}

// each asks all swarms, and returns when the first client of any and the last of
// all had what was asked for.
func (c *crowd) each(ctx context.Context, method string, args func(i int) any) (all Arrival, err error) {
	answers := make([]Arrival, len(c.swarms))
	group, ctx := errgroup.WithContext(ctx)
	for i, h := range c.swarms {
		group.Go(func() error { return h.call(ctx, method, args(i), &answers[i]) })
	}
	if err := group.Wait(); err != nil {
		return all, err
	}
	all = answers[0]
	for _, at := range answers[1:] {
		all = Arrival{First: min(all.First, at.First), Last: max(all.Last, at.Last)}
	}
	return all, nil
}

// told waits until all clients were told of a change, counted from 0.
func (c *crowd) told(ctx context.Context, change int) (Arrival, error) {
	return c.each(ctx, "Swarm.Told", func(int) any { return change })
}

// whole waits until all have everything for the nth time after the first.
func (c *crowd) whole(ctx context.Context, generation int) (Arrival, error) {
	return c.each(ctx, "Swarm.Whole", func(int) any { return generation })
}

// record is what the first client was told.
func (c *crowd) record(ctx context.Context) (r Recorded, err error) {
	err = c.swarms[0].call(ctx, "Swarm.Record", struct{}{}, &r)
	return r, err
}

// all asks all swarms for something that has no answer.
func (c *crowd) all(ctx context.Context, method string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, h := range c.swarms {
		group.Go(func() error { return h.call(ctx, method, struct{}{}, &struct{}{}) })
	}
	return group.Wait()
}

// count is what the clients have seen; an error if one was lost.
func (c *crowd) count(ctx context.Context) (sum Counts, err error) {
	for _, h := range c.swarms {
		var counts Counts
		err = errors.Join(err, h.call(ctx, "Swarm.Count", struct{}{}, &counts))
		sum.Pages, sum.Tries = sum.Pages+counts.Pages, sum.Tries+counts.Tries
	}
	return sum, err
}

// close ends the clients; open lets them come again.
func (c *crowd) close(ctx context.Context) error { return c.all(ctx, "Swarm.Close") }

// kill ends the processes.
func (c *crowd) kill() {
	for _, h := range c.swarms {
		h.Kill()
	}
}

// since is how long after began.
func since(began time.Time, nanoseconds int64) time.Duration {
	return time.Unix(0, nanoseconds).Sub(began)
}
