package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/degenduel/switchgear/bench/internal/procs"
	"github.com/degenduel/switchgear/bench/internal/results"
)

// outcome is what was measured, a row for each table.
type outcome struct {
	joined, steady results.Table
	storms         results.Table
	notes          []string
}

func newOutcome() *outcome {
	return &outcome{
		joined: results.Table{{"agents × breakers", "services", "store", "all joined, s", "joins a second", "manager's CPU s", "RSS MiB: before, after", "KiB a breaker", "a new watcher has all, ms"}},
		steady: results.Table{{
			"agents × breakers", "reports a second", "transitions a second", "bytes an agent and second: up, down", "manager's CPU, cores",
			"report acknowledged, ms: p50, p99", "transition acknowledged, ms", "transition at a watcher, ms", "commits a second", "written a second", "others' CPU",
		}},
		storms: results.Table{{"agents × breakers", "storm", "listens again, s", "half are back, s", "99 of 100, s", "all, s", "manager's CPU s", "tries that failed"}},
	}
}

// measure makes one run: it lets the agents join, has them report, and cuts them off.
func measure(ctx context.Context, o *options, dir, program string, out *outcome) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	m, err := openManager(ctx, o, dir, program)
	if err != nil {
		stop(nil)
		return err
	}
	defer m.close(context.WithoutCancel(ctx))
	h, err := newHerd(o, m.url, m.token)
	if err != nil {
		stop(nil)
		return err
	}
	defer h.running.Wait()
	defer stop(nil)
	r := &run{options: o, name: fmt.Sprintf("%d × %d", o.Agents, o.Breakers), manager: m, herd: h, out: out, stop: stop}
	for _, phase := range []func(context.Context) error{r.join, r.steady, r.storms} {
		if err := phase(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
				err = cause
			}
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// run is one of them.
type run struct {
	*options

	name    string
	manager *manager
	herd    *herd
	out     *outcome
	stop    context.CancelCauseFunc
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, r.name+": "+format+"\n", args...)
}

// join lets all agents come.
func (r *run) join(ctx context.Context) error {
	before, err := r.manager.use(ctx)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	r.herd.again()
	r.herd.start(ctx)
	_, _, all, err := r.herd.whole(waiting)
	if err != nil {
		return err
	}
	after, err := r.manager.use(ctx)
	if err != nil {
		return err
	}
	r.faults("while they joined")
	first, err := r.newcomer(ctx)
	if err != nil {
		return err
	}
	breakers := int64(r.Agents) * int64(r.Breakers)
	r.say("all joined in %v", all.Round(time.Millisecond))
	r.out.joined.Add(r.name, r.services(), r.store(), fmt.Sprintf("%.1f", all.Seconds()), results.Thousands(float64(r.Agents)/all.Seconds()),
		fmt.Sprintf("%.1f", (after.cpu-before.cpu).Seconds()), results.MiB(before.rss)+", "+results.MiB(after.rss),
		fmt.Sprintf("%.1f", float64(after.rss-before.rss)/1024/float64(breakers)), results.MS(first))
	return nil
}

// newcomer is how long a new watcher takes until it has everything.
func (r *run) newcomer(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	ended := make(chan error, 1)
	w := watch(ctx, r.manager.url, r.manager.token, func(err error) { ended <- err })
	select {
	case <-w.placed:
		cancel()
		return w.first, <-ended
	case err := <-ended:
		cancel()
		return 0, err
	}
}

// steady is how it is with all agents there.
func (r *run) steady(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var helping sync.WaitGroup
	defer helping.Wait()
	defer cancel()
	var watchers []*watcher
	for range r.Watchers {
		helping.Add(1)
		w := watch(ctx, r.manager.url, r.manager.token, func(err error) {
			if err != nil {
				r.stop(err)
			}
			helping.Done()
		})
		select {
		case <-w.placed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		watchers = append(watchers, w)
	}
	helping.Go(func() { r.herd.make(ctx) })
	if err := pause(ctx, r.Warm); err != nil {
		return err
	}
	before, err := r.manager.use(ctx)
	if err != nil {
		return err
	}
	h := r.herd
	for i := range h.acks {
		h.acks[i].forget()
	}
	for _, w := range watchers {
		w.told.forget()
	}
	in, out, reported, moved, held, skipped := h.in.Load(), h.out.Load(), h.reported.Load(), h.moved.Load(), h.heldBack.Load(), h.skipped.Load()
	share := procs.Foreign()
	began := time.Now()
	if err := pause(ctx, r.For); err != nil {
		return err
	}
	lasted := time.Since(began).Seconds()
	others := share()
	in, out, reported, moved = h.in.Load()-in, h.out.Load()-out, h.reported.Load()-reported, h.moved.Load()-moved
	held, skipped = h.heldBack.Load()-held, h.skipped.Load()-skipped
	after, err := r.manager.use(ctx)
	if err != nil {
		return err
	}
	r.faults("while they reported")
	if held+skipped > 0 {
		r.note("%d reports and %d transitions were not sent, because the manager had not acknowledged those before", held, skipped)
	}
	told := "–"
	if len(watchers) > 0 {
		told = watchers[0].told.text()
	}
	each := func(n int64) string { return fmt.Sprintf("%.0f", float64(n)/lasted/float64(r.Agents)) }
	between := after.at.Sub(before.at).Seconds()
	written := fmt.Sprintf("%.0f KiB", float64(after.written-before.written)/1024/between)
	if r.Database != "" {
		written = fmt.Sprintf("%.0f rows", float64(after.rows-before.rows)/between)
	}
	r.out.steady.Add(r.name, results.Thousands(float64(reported)/lasted), fmt.Sprintf("%.0f", float64(moved)/lasted), each(out)+", "+each(in),
		fmt.Sprintf("%.2f", (after.cpu-before.cpu).Seconds()/between), h.acks[ofReport].text(), h.acks[ofMove].text(), told,
		fmt.Sprintf("%.0f", (after.commits-before.commits)/between), written, fmt.Sprintf("%.0f %%", 100*others))
	return nil
}

// faults notes what went wrong.
func (r *run) faults(when string) {
	if n, first := r.herd.faults(); n > 0 {
		r.note("%d faults %s, of which the first: %v", n, when, first)
	}
}

func (r *run) note(format string, args ...any) {
	text := r.name + ": " + fmt.Sprintf(format, args...)
	fmt.Fprintln(os.Stderr, text)
	r.out.notes = append(r.out.notes, text)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// storms cuts all agents off, and waits until all are back.
func (r *run) storms(ctx context.Context) error {
	for _, kind := range r.Storms {
		waiting, cancel := context.WithTimeout(ctx, r.Patience)
		defer cancel()
		before, err := r.manager.use(ctx)
		if err != nil {
			return err
		}
		_, _ = r.herd.faults() // from here on they are the storm's
		r.herd.again()
		down := time.Duration(0)
		switch kind {
		case stormCut:
			r.herd.cut()
		case stormKill:
			before.cpu = 0
			if down, err = r.manager.killed(ctx); err != nil {
				return err
			}
		}
		half, most, all, err := r.herd.whole(waiting)
		if err != nil {
			return err
		}
		after, err := r.manager.use(ctx)
		if err != nil {
			return err
		}
		n, first := r.herd.faults()
		r.say("all back %v after they were %s; the first fault: %v", all.Round(time.Millisecond), kind, first)
		s := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
		r.out.storms.Add(r.name, kind, s(down), s(half), s(most), "**"+s(all)+"**", s(after.cpu-before.cpu), n-r.Agents)
	}
	return nil
}
