package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
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
	// maxBatchBytes is how large a batch may be, of the 1 MiB that the manager
	// takes.
	maxBatchBytes = 900_000
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
	backoff time.Duration
	next    time.Time // no try before it
	said    string    // the error that was logged last; empty: none since it went well

	mu      sync.Mutex
	queue   []queued
	pending *batch // sent, and perhaps not counted; only run changes it
	told    reporting
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

func (b *batch) len() int {
	if b == nil {
		return 0
	}
	return len(b.outcomes)
}

// reporting is how telling the manager goes, as /state shows it.
type reporting struct {
	URL      string    `json:"url"`
	Reported uint64    `json:"reported"` // operations
	Dropped  uint64    `json:"dropped"`
	Queued   int       `json:"queued"`      // also those on their way
	At       wire.Time `json:"reported_at"` // when it last answered
	State    *string   `json:"state"`       // its own circuit's, as it last said
	Admit    *bool     `json:"admit"`       // its advice, which is not heeded
	Err      *string   `json:"error"`       // why it does not take reports; null: it does
}

func (r *reporter) state() reporting {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.told
	out.URL, out.Queued = r.url, len(r.queue)+r.pending.len()
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
	if len(r.queue)+r.pending.len() == maxQueued {
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
	return strings.ToValidUTF8(s, "\uFFFD")
}

// run reports each second until ctx ends, and then what is left, for which there
// is a while. A report under way is not cut off: the manager may be counting it,
// and would not take it again meanwhile.
func (r *reporter) run(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(flushTimeout, cancel) })()
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		r.report(sending)
		select {
		case <-ctx.Done():
			r.next = time.Time{}
			r.report(sending)
			if n := r.dropRest(); n > 0 {
				r.log.WarnContext(sending, "the manager will not hear of the last operations", slog.String("service", r.service), slog.Uint64("operations", n))
			}
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
	for range maxQueued {
		r.forget()
		pending := r.take()
		if pending == nil {
			return
		}
		answer, err := r.manager.ReportOnce(ctx, r.service, pending.key, pending.outcomes...)
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
		r.dropPending()
	}
	old := 0
	for old < len(r.queue) && time.Since(r.queue[old].at) > maxReportAge {
		old++
	}
	r.queue = r.queue[old:]
	r.told.Dropped += uint64(old)
}

// dropPending gives up the batch on its way. The mutex is held.
func (r *reporter) dropPending() {
	r.told.Dropped += uint64(r.pending.len()) //nolint:gosec // a length
	r.pending = nil
}

// dropRest gives up everything, because nobody will tell it any more, and
// returns how much that was.
func (r *reporter) dropRest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.told.Dropped
	r.dropPending()
	r.told.Dropped += uint64(len(r.queue))
	r.queue = nil
	return r.told.Dropped - before
}

// take is the batch on its way, or the next one: a question where there is nothing
// to say and nothing was said for a while, or nil.
func (r *reporter) take() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != nil {
		return r.pending
	}
	if len(r.queue) == 0 && time.Since(r.told.At.Time) < questionInterval {
		return nil
	}
	r.pending = &batch{made: time.Now()}
	if len(r.queue) > 0 {
		r.pending.key = "proxy-" + rand.Text()
		r.pending.made = r.queue[0].at
	}
	for size := 0; len(r.queue) > 0 && r.pending.len() < maxBatch; r.queue = r.queue[1:] {
		outcome := r.queue[0].outcome
		if size += sizeOf(outcome); size > maxBatchBytes {
			break
		}
		r.pending.outcomes = append(r.pending.outcomes, outcome)
	}
	if len(r.queue) == 0 {
		r.queue = nil
	}
	return r.pending
}

// sizeOf is how much an outcome takes on the wire, with the comma after it.
func sizeOf(o wire.OperationOutcome) int {
	data, _ := json.Marshal(o) //nolint:errchkjson // a duration is a number
	return len(data) + 1
}

func (r *reporter) succeeded(ctx context.Context, answer *wire.Report) {
	r.backoff, r.next, r.said = 0, time.Time{}, ""
	r.mu.Lock()
	was := r.told
	r.told.Reported += uint64(r.pending.len()) //nolint:gosec // a length
	r.pending = nil
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
	refusal, refused := errors.AsType[*client.Error](err)
	if refused {
		wait = max(wait, min(refusal.RetryAfter, maxReportBackoff))
	}
	r.next = time.Now().Add(wait)
	text := r.explain(err)
	r.mu.Lock()
	if r.pending.len() == 0 || // a question can be put anew
		refused && refusal.Kind == client.Invalid { // sending it again would change nothing
		r.dropPending()
	}
	r.told.Err = &text
	r.mu.Unlock()
	if r.said != text && ctx.Err() == nil {
		r.said = text
		r.log.ErrorContext(ctx, "the manager is not told what comes of the requests; they go on all the same",
			slog.String("manager", r.url), slog.String("service", r.service), slog.String("error", text))
	}
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
