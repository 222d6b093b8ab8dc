package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/httpbreaker"
	"github.com/degenduel/switchgear/wire"
)

const (
	reportInterval   = time.Second
	questionInterval = 5 * time.Second // at least so often the manager hears of us

	// maxQueued is how many operations wait for the manager; above it the
	// oldest go.
	maxQueued = 10_000
	// maxBatch is how many the manager takes at a time.
	maxBatch = 1000
	// maxReportAge is how old news may be. Older failures would open the
	// manager's circuit for what is long over.
	maxReportAge = time.Minute

	minReportBackoff = time.Second
	maxReportBackoff = 30 * time.Second
)

// reporter tells a manager what has come of operations. Nothing waits for it,
// and nothing depends on what the manager says.
type reporter struct {
	manager *client.Client
	url     string
	service string
	declare *config.Service // to be declared if the manager has none; nil: not
	log     *slog.Logger

	// Those of run.
	pending *batch // sent, and perhaps not counted
	backoff time.Duration
	next    time.Time // no try before it

	mu    sync.Mutex
	queue []queued
	told  reporting
}

type queued struct {
	at      time.Time
	outcome wire.OperationOutcome
}

// batch is a report that can be sent again: the manager counts it once.
type batch struct {
	key      string
	made     time.Time
	outcomes []wire.OperationOutcome
}

// reporting is how telling the manager goes, as /state shows it.
type reporting struct {
	URL      string    `json:"url"`
	Reported uint64    `json:"reported"` // operations
	Dropped  uint64    `json:"dropped"`
	Queued   int       `json:"queued"`
	At       wire.Time `json:"reported_at"` // when it last answered
	State    *string   `json:"state"`       // its own circuit's, as it last said
	Admit    *bool     `json:"admit"`       // its advice, which is not heeded
	Err      *string   `json:"error"`       // why it does not take reports; null: it does
}

func (r *reporter) state() reporting {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.told
	out.URL, out.Queued = r.url, len(r.queue)
	return out
}

// add queues an operation. It never waits.
func (r *reporter) add(o httpbreaker.Operation) {
	q := queued{at: time.Now(), outcome: wire.OperationOutcome{Outcome: o.Outcome.String(), DurationMs: inMs(min(o.Duration, 24*time.Hour))}}
	if o.Err != nil {
		q.outcome.Error = cutText(o.Err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == maxQueued {
		r.queue = r.queue[1:]
		r.told.Dropped++
	}
	r.queue = append(r.queue, q)
}

// cutText keeps what the manager keeps of an error.
func cutText(s string) string {
	const most = 512
	if len(s) > most {
		s = s[:most]
	}
	return s
}

// run reports each second until ctx ends, and then what is left.
func (r *reporter) run(ctx context.Context) {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		r.report(ctx)
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer stop()
			r.next = time.Time{}
			r.report(last)
			return
		case <-ticker.C:
		}
	}
}

// report sends what there is, unless the manager is to be left alone.
func (r *reporter) report(ctx context.Context) {
	if time.Now().Before(r.next) {
		r.forget()
		return
	}
	if r.declare != nil {
		if err := r.declareService(ctx); err != nil {
			r.forget()
			r.failed(ctx, err)
			return
		}
		r.declare = nil
	}
	for range maxQueued/maxBatch + 1 {
		if r.forget(); r.pending == nil {
			r.pending = r.take()
		}
		if r.pending == nil {
			return
		}
		answer, err := r.manager.ReportOnce(ctx, r.service, r.pending.key, r.pending.outcomes...)
		if err != nil {
			r.failed(ctx, err)
			return
		}
		r.succeeded(ctx, &answer)
	}
}

// forget drops what is too old to be news.
func (r *reporter) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != nil && time.Since(r.pending.made) > maxReportAge {
		r.told.Dropped += uint64(len(r.pending.outcomes))
		r.pending = nil
	}
	old := 0
	for old < len(r.queue) && time.Since(r.queue[old].at) > maxReportAge {
		old++
	}
	r.queue = r.queue[old:]
	r.told.Dropped += uint64(old)
}

// take is the next batch: a question where there is nothing to say and nothing
// was said for a while, or nil.
func (r *reporter) take() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.queue), maxBatch)
	if n == 0 && time.Since(r.told.At.Time) < questionInterval {
		return nil
	}
	b := &batch{made: time.Now(), outcomes: make([]wire.OperationOutcome, n)}
	for i, q := range r.queue[:n] {
		b.outcomes[i] = q.outcome
	}
	if n > 0 {
		b.key = "proxy-" + rand.Text()
		b.made = r.queue[0].at
	}
	if r.queue = r.queue[n:]; len(r.queue) == 0 {
		r.queue = nil
	}
	return b
}

func (r *reporter) succeeded(ctx context.Context, answer *wire.Report) {
	n := uint64(len(r.pending.outcomes))
	r.pending, r.backoff, r.next = nil, 0, time.Time{}
	r.mu.Lock()
	was := r.told
	r.told.Reported += n
	r.told.At, r.told.State, r.told.Admit, r.told.Err = wire.Time{Time: time.Now()}, &answer.State, &answer.Admit, nil
	r.mu.Unlock()
	if was.Err != nil || was.At.IsZero() {
		r.log.InfoContext(ctx, "the manager takes reports", slog.String("manager", r.url), slog.String("service", r.service))
	}
}

// failed plans the next try. What was sent and may have been counted is kept as
// it is.
func (r *reporter) failed(ctx context.Context, err error) {
	r.backoff = min(max(2*r.backoff, minReportBackoff), maxReportBackoff)
	wait := r.backoff/2 + mathrand.N(r.backoff/2+1) //nolint:gosec // it only spreads the tries
	if r.pending != nil && len(r.pending.outcomes) == 0 {
		r.pending = nil // a question can be put anew
	}
	if refusal, ok := errors.AsType[*client.Error](err); ok {
		wait = max(wait, min(refusal.RetryAfter, maxReportBackoff))
		if refusal.Kind == client.Invalid { // sending it again would change nothing
			r.mu.Lock()
			r.told.Dropped += r.pendingLen()
			r.mu.Unlock()
			r.pending = nil
		}
	}
	r.next = time.Now().Add(wait)
	text := r.explain(err)
	r.mu.Lock()
	known := r.told.Err != nil && *r.told.Err == text
	r.told.Err = &text
	r.mu.Unlock()
	if !known && ctx.Err() == nil {
		r.log.ErrorContext(ctx, "the manager is not told what comes of the requests; they go on all the same",
			slog.String("manager", r.url), slog.String("service", r.service), slog.String("error", text))
	}
}

func (r *reporter) pendingLen() uint64 {
	if r.pending == nil {
		return 0
	}
	return uint64(len(r.pending.outcomes))
}

// explain says what went wrong and what can be done.
func (r *reporter) explain(err error) string {
	switch kind, refused := client.KindOf(err); {
	case !refused:
		return fmt.Sprintf("no manager answers: %v", err)
	case kind == client.NotFound:
		return fmt.Sprintf("the manager knows no service %q: declare it in the manager's config file or, as an admin, by PUT /api/v2/services/%s, "+
			"or start the proxy with --declare and a token of the role admin", r.service, r.service)
	case kind == client.Unauthorized:
		return "the manager does not accept the token: see SWITCHGEAR_TOKEN and --token-file"
	case kind == client.Forbidden && r.declare != nil:
		return "the token may not declare services, which takes the role admin: " + err.Error()
	case kind == client.Forbidden:
		return "the token may not report, which takes the role agent: " + err.Error()
	}
	return err.Error()
}

// declareService declares the service, unless the manager has it already.
func (r *reporter) declareService(ctx context.Context) error {
	_, err := r.manager.Service(ctx, r.service)
	if kind, refused := client.KindOf(err); !refused || kind != client.NotFound {
		return err
	}
	if _, err = r.manager.PutService(ctx, r.service, *r.declare, "its proxy has been started"); err != nil {
		return err
	}
	r.log.InfoContext(ctx, "the service is declared", slog.String("manager", r.url), slog.String("service", r.service))
	return nil
}
