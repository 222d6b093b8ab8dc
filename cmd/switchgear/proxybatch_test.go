package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/httpbreaker"
)

// TestReporter_LongErrorsLoseNothing has what makes JSON long: markup, quotes, and
// bytes that are no text.
func TestReporter_LongErrorsLoseNothing(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	if _, err := m.PutService(t.Context(), "prices", config.Service{}, ""); err != nil {
		t.Fatal(err)
	}
	r, _ := reportsTo(t, m.url, fakeToken)
	const each = 1000
	for _, text := range []string{"<td>&nbsp;</td>", `"\`, "\xff", "\x01"} {
		long := errors.New("malformed HTTP response " + strings.Repeat(text, 600))
		for range each {
			r.add(httpbreaker.Operation{Outcome: switchgear.Failure, Err: long, Duration: time.Millisecond})
		}
	}
	r.report(t.Context())
	if s := r.state(); s.Reported != 4*each || s.Dropped != 0 || s.Queued != 0 {
		t.Errorf("reported %d, dropped %d, queued %d: %v", s.Reported, s.Dropped, s.Queued, s.Err)
	}
	if e, err := m.Service(t.Context(), "prices"); err != nil || e.Operations.Failed != 4*each {
		t.Errorf("the manager counted %+v, %v", e.Operations, err)
	}
}

func TestReporter_WhatIsOnItsWayIsYetToBeTold(t *testing.T) {
	t.Parallel()
	r, _ := reportsTo(t, "http://127.0.0.1:1", fakeToken)
	for range 3 {
		r.add(ended(switchgear.Success))
	}
	r.report(t.Context())
	r.add(ended(switchgear.Success))
	if s := r.state(); s.Queued != 4 || s.Dropped != 0 || r.pending.len() != 3 {
		t.Errorf("reported %d, dropped %d, queued %d", s.Reported, s.Dropped, s.Queued)
	}
}

func TestReporter_WhatIsNotToldAtTheEndIsDropped(t *testing.T) {
	t.Parallel()
	r, log := reportsTo(t, "http://127.0.0.1:1", fakeToken)
	for range maxBatch + 5 {
		r.add(ended(switchgear.Success))
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	r.run(stopped)
	if s := r.state(); s.Queued != 0 || s.Dropped != maxBatch+5 || !log.has("will not hear of the last operations\" service=prices operations=1005") {
		t.Errorf("reported %d, dropped %d, queued %d", s.Reported, s.Dropped, s.Queued)
	}
}

// TestReporter_LetsAReportEndThatIsUnderWayWhenItStops has a manager that takes
// its time, and that must not be asked twice at once.
func TestReporter_LetsAReportEndThatIsUnderWayWhenItStops(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	manager := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		select {
		case <-answer:
			_, _ = io.WriteString(w, `{"service":"prices","state":"closed","admit":true}`)
		case <-r.Context().Done():
			t.Error("the report is cut off")
		}
	})
	r, _ := reportsTo(t, manager, fakeToken)
	r.add(ended(switchgear.Success))
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	<-asked
	stop()
	close(answer)
	running.Wait()
	if s := r.state(); s.Reported != 1 || s.Dropped != 0 {
		t.Errorf("reported %d, dropped %d", s.Reported, s.Dropped)
	}
}

func TestReporter_TheQueueIsBoundedWithWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	r := &reporter{}
	r.add(ended(switchgear.Success))
	r.take()
	for range maxQueued {
		r.add(ended(switchgear.Success))
	}
	if s := r.state(); s.Queued != maxQueued || s.Dropped != 1 {
		t.Errorf("queued %d, dropped %d", s.Queued, s.Dropped)
	}
}
