package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// The states of a breaker, in the order in which it goes through them.
const (
	closed = iota
	open
	halfOpen
	states
)

var stateNames = [states]string{"closed", "open", "half_open"}

// form is a breaker's state on the wire with places for what differs: so the
// generator, which shares the machine with the manager, spends little on it.
type form [][]byte

// The marks of the places, and in which order they come.
const (
	markService   = "SERVICE"
	markNumber    = 900000001
	markSuccesses = 900000002
	markTotal     = 900000003
)

// newForms are those of each state.
func newForms(now time.Time) (forms [states]form, err error) {
	for state := range forms {
		doc, err := json.Marshal(example(state, now))
		if err != nil {
			return forms, err
		}
		rest := doc
		for _, mark := range []string{markService, strconv.Itoa(markNumber), strconv.Itoa(markSuccesses), strconv.Itoa(markTotal), strconv.Itoa(markSuccesses)} {
			before, after, found := bytes.Cut(rest, []byte(mark))
			if !found {
				return forms, fmt.Errorf("a state on the wire has no %s where it should: %s", mark, doc)
			}
			forms[state], rest = append(forms[state], before), after
		}
		forms[state] = append(forms[state], rest)
	}
	return forms, nil
}

// example is as a breaker of a program that works is, or one that has just opened.
func example(state int, now time.Time) *wire.AgentState {
	at, failed := wire.Time{Time: now.Add(-time.Minute)}, "dial tcp 192.0.2.17:443: connection refused"
	s := &wire.AgentState{
		Service: markService, Running: true, Successes: markSuccesses,
		CircuitBreaker: wire.CircuitBreaker{
			State: stateNames[state], Mode: "auto", Transitions: markNumber, AdmittedShare: 1,
			Failures: 1, LastError: &failed, LastFailure: at, LastSuccess: at,
		},
		Operations:  wire.Operations{Total: markTotal, Successful: markSuccesses, Failed: 17},
		Performance: wire.Performance{AverageOperationTimeMs: 1.8, LastOperationTimeMs: 2.1, P50OperationTimeMs: 1.5, P95OperationTimeMs: 6.4, P99OperationTimeMs: 12.8},
		Durations:   &wire.AgentDurations{SumMs: 12345.6, Counts: [][2]uint64{{3, 100}, {4, 700}, {5, 150}, {8, 17}}},
	}
	c := &s.CircuitBreaker
	if state == closed {
		return s
	}
	c.AdmittedShare, c.OpenedAt, c.Failures = 0, at, 5
	c.Trip = &wire.Trip{Rule: "failure_threshold", Failures: 5, Successes: 12, LastError: &failed}
	c.Outage = &wire.Outage{BeganAt: at, Rule: "failure_threshold", Failures: 5, Successes: 12, LastError: &failed, Openings: 1}
	if state == open {
		c.IsOpen, s.OpenMs, s.RetryAfterMs = true, 60_000, 60_000
	} else {
		c.RecoveryAttempts, c.LastRecoveryAttempt = 1, at
	}
	return s
}

// append writes the state of a breaker.
func (f form) append(b []byte, service string, br *breaker) []byte {
	b = append(append(b, f[0]...), service...)
	b = strconv.AppendUint(append(b, f[1]...), br.number, 10)
	b = strconv.AppendUint(append(b, f[2]...), br.successes, 10)
	b = strconv.AppendUint(append(b, f[3]...), br.successes+17, 10)
	b = strconv.AppendUint(append(b, f[4]...), br.successes, 10)
	return append(b, f[5]...)
}
