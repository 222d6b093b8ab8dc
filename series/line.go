package series

import (
	"context"
	"errors"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// maxLine is how many may wait to read the past; more are turned away.
	maxLine = 64

	// linePatience is how long one waits.
	linePatience = 10 * time.Second
)

var errBusy = errors.New("too many ask for the past just now: ask again in some seconds")

// line lets one reader after the other at the store, so that whoever looks at the
// past leaves connections to those who give orders.
type line struct {
	turn    chan struct{}
	waiting chan struct{}
}

func newLine() line { return line{make(chan struct{}, 1), make(chan struct{}, maxLine)} }

// enter waits for a turn, which leave ends. It is Exhausted where too many wait, or
// for too long.
func (l line) enter(ctx context.Context) (leave func(), err error) {
	busy := &fleet.Error{Kind: fleet.Exhausted, Op: "series", Err: errBusy}
	select {
	case l.waiting <- struct{}{}:
	default:
		return nil, busy
	}
	defer func() { <-l.waiting }()
	patience := time.NewTimer(linePatience)
	defer patience.Stop()
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn }, nil
	case <-patience.C:
		return nil, busy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
