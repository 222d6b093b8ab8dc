package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

const (
	// workers are how many requests of a service run at a time, and pause is
	// what each worker waits between two. Neither is scaled: they make up some
	// 28 operations a second.
	workers = 3
	pause   = 100 * time.Millisecond

	// reportPause is the same for the program that reports.
	reportPause = 250 * time.Millisecond
)

// player is a part with the upstream behind it.
type player struct {
	part

	upstream *upstream
	service  *switchgear.Service // of an embedded one; nil of others
	client   *http.Client
	timeout  time.Duration
}

func newPlayer(ctx context.Context, p part, client *http.Client, speed tempo) (*player, error) {
	u, err := newUpstream(ctx, p.latency, speed.of(slowAnswer))
	if err != nil {
		return nil, fmt.Errorf("the upstream of %s: %w", p.name, err)
	}
	a := &player{part: p, upstream: u, client: client, timeout: speed.of(clientTimeout)}
	a.config = speed.config(p.config)
	if p.joins != embedded {
		return a, nil
	}
	//nolint:contextcheck // a service has a context of its own
	a.service, err = switchgear.NewService(p.name, switchgear.ServiceConfig{
		Config: a.config, CheckTimeout: speed.of(checkTimeout),
		Check: func(ctx context.Context) error { return a.get(ctx, healthPath) },
	})
	if err != nil {
		return nil, errors.Join(err, u.close(ctx))
	}
	return a, nil
}

func (a *player) get(ctx context.Context, path string) error {
	return a.upstream.get(ctx, a.client, path, a.timeout)
}

// work sends requests through the breaker until ctx ends.
func (a *player) work(ctx context.Context) {
	var all errgroup.Group
	for i := range workers {
		all.Go(func() error {
			every(ctx, pause*time.Duration(i)/workers, pause, func() {
				//nolint:errcheck,gosec // the breaker has counted it, and nobody else asked
				a.service.Do(ctx, func(ctx context.Context) error { return a.get(ctx, workPath) })
			})
			return nil
		})
	}
	_ = all.Wait()
}

// every calls do until ctx ends, the first time after a wait and then with a
// pause between the calls.
func every(ctx context.Context, wait, pause time.Duration, do func()) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		do()
		timer.Reset(pause)
	}
}

// report works as a program without a breaker does: it asks the manager over
// REST whether to go on, works, and posts what came of it with the next
// question.
func (a *player) report(ctx context.Context, m *remote) {
	outcomes := []wire.OperationOutcome{}
	every(ctx, reportPause, reportPause, func() {
		var advice wire.Report
		err := m.call(ctx, http.MethodPost, a.name+"/operations", wire.OperationsRequest{Outcomes: outcomes}, &advice)
		if err != nil {
			return // it will be told again
		}
		outcomes = outcomes[:0]
		if !advice.Admit {
			return
		}
		began := time.Now()
		o := wire.OperationOutcome{Outcome: switchgear.Success.String()}
		if err := a.get(ctx, workPath); err != nil {
			o.Outcome, o.Error = switchgear.Failure.String(), err.Error()
		}
		o.DurationMs = float64(time.Since(began)) / float64(time.Millisecond)
		outcomes = append(outcomes, o)
	})
}

// remote is the manager as programs of other makes see it: over REST.
type remote struct {
	client     *http.Client
	url, token string
}

// maxAnswer is more than any answer to an order has.
const maxAnswer = 1 << 20

// call asks the manager for something about a service and reads the answer into
// it, unless that is nil.
func (m *remote) call(ctx context.Context, method, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, m.url+"/api/v2/services/"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if data, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(data))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}
