package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// The results of an order.
const (
	done    = "ok"
	refused = "fail"    // it was not carried out, and never will be
	unknown = "unknown" // it may have been
)

// order is what an administrator asked of a node, and was told.
type order struct {
	Node                 int
	Kind, Service        string
	Reason               string
	Start, End           time.Duration
	Result               string
	Before, Version      int    // of the config: asked for, and answered
	Error                string `json:",omitempty"`
	StoreMayHaveBeenAway bool   `json:",omitempty"`
}

// The kinds of orders.
const (
	patch    = "config_changed"
	reset    = "reset"
	override = "override"
	end      = "override_end"
)

// administrator gives orders about one service, at any node.
type administrator struct {
	c       *cluster
	service string
	chance  *rand.Rand
	orders  []order
	given   chan struct{} // with each that was carried out, unless nobody waits
	wrong   []string
}

// run gives orders until ctx ends.
func (a *administrator) run(ctx context.Context) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		o := order{
			Node: a.chance.IntN(len(a.c.nodes)), Service: a.service, Reason: fmt.Sprintf("%s, order %d", a.service, n),
			Kind: []string{patch, patch, reset, override, end}[a.chance.IntN(5)], Start: time.Since(a.c.began),
		}
		err := a.give(ctx, &o, n)
		if ctx.Err() != nil && err != nil {
			err = context.Canceled
		}
		o.End = time.Since(a.c.began)
		o.Result = result(err)
		if err != nil {
			o.Error = err.Error()
		}
		if o.Result == "" {
			o.Result = unknown
			a.wrong = append(a.wrong, fmt.Sprintf("%s at node %d: %v", o.Reason, o.Node, err))
		}
		a.orders = append(a.orders, o)
		a.c.note(&record{At: o.End, Order: &o})
		if o.Result == done {
			select {
			case a.given <- struct{}{}:
			default:
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// result is what an answer says of an order; empty: what it must not say.
func result(err error) string {
	var said *client.Error
	switch {
	case err == nil:
		return done
	case !errors.As(err, &said) || said.Status == 503:
		return unknown
	case said.Status == 412 || said.Status == 404 || said.Status == 409:
		return refused
	default:
		return ""
	}
}

func (a *administrator) give(ctx context.Context, o *order, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	node := a.c.nodes[o.Node]
	switch o.Kind {
	case patch:
		now, err := node.Config(ctx, a.service)
		if err != nil {
			return err
		}
		o.Before = now.Version
		now, err = node.PatchConfig(ctx, a.service, now.Version, wire.ConfigRequest{
			Config: json.RawMessage(fmt.Sprintf(`{"failureThreshold": %d}`, n%5000+10)), Reason: o.Reason,
		})
		o.Version = now.Version
		return err
	case reset:
		_, err := node.Reset(ctx, a.service, wire.ResetRequest{Reason: o.Reason})
		return err
	case override:
		mode := []string{"forced_open", "forced_closed"}[a.chance.IntN(2)]
		_, err := node.Override(ctx, a.service, wire.OverrideRequest{Mode: mode, Reason: o.Reason, TTLMs: 3_600_000})
		return err
	default:
		_, err := node.EndOverride(ctx, a.service, o.Reason)
		return err
	}
}

// flap reports outcomes to any node, so that a breaker of the manager's own moves.
func (c *cluster) flap(ctx context.Context, chance *rand.Rand) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		outcome := "success"
		if time.Since(c.began)/time.Second%3 == 0 {
			outcome = "failure"
		}
		one, cancel := context.WithTimeout(ctx, time.Second)
		_, _ = c.nodes[chance.IntN(len(c.nodes))].Report(one, "flapping", wire.OperationOutcome{Outcome: outcome, DurationMs: 1})
		cancel()
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// more waits until so many more orders were carried out.
func (a *administrator) more(t *testing.T, n int) {
	t.Helper()
	enough := time.After(patience)
	for range n {
		select {
		case <-a.given:
		case <-enough:
			t.Fatalf("no node takes orders for %s", a.service)
		}
	}
}

// judgeOrders compares what was answered with what is stored: an order that was
// carried out is there once, one that was refused never, others at most once.
func judgeOrders(orders []order, events []wire.Event) (wrong []string) {
	stored := make(map[string]int)
	for i := range events {
		if e := &events[i]; e.Reason != nil && e.Kind != "transition" {
			stored[*e.Reason]++
		}
	}
	for i := range orders {
		o := &orders[i]
		n := stored[o.Reason]
		switch {
		case n > 1, o.Result == refused && n > 0,
			o.Result == done && n == 0 && !o.mayLeaveNothing():
			wrong = append(wrong, fmt.Sprintf("%s %q at node %d was answered %q, and is stored %d times", o.Kind, o.Reason, o.Node, o.Result, n))
		}
	}
	return wrong
}

// mayLeaveNothing is true of an override that was taken while the store was away,
// of which only the newest comes to the store, and of the end of none.
func (o *order) mayLeaveNothing() bool {
	return o.Kind == end || o.Kind == override && o.StoreMayHaveBeenAway
}

// judgeVersions holds the configs of a service, newest first, against the orders
// of its only administrator: versions without a gap, each as it was answered, and
// each above those before it.
func judgeVersions(orders []order, versions []wire.ConfigVersion) (wrong []string) {
	byReason := make(map[string]int)
	for i, v := range versions {
		if want := len(versions) - i; v.Version != want {
			wrong = append(wrong, fmt.Sprintf("version %d stands where %d should", v.Version, want))
		}
		byReason[v.Reason] = v.Version
	}
	newest := 0
	for i := range orders {
		o := &orders[i]
		if o.Kind != patch || o.Result != done {
			continue
		}
		if got := byReason[o.Reason]; got != o.Version || o.Version <= newest || o.Version <= o.Before {
			wrong = append(wrong, fmt.Sprintf("%q was answered with version %d (behind %d, on %d), and is %d", o.Reason, o.Version, newest, o.Before, got))
		}
		newest = o.Version
	}
	return wrong
}

// standing is what must be in force of an administrator's overrides: the reason of
// the last; empty: none. ok is false where it is not known.
func standing(orders []order) (reason string, ok bool) {
	for i := len(orders) - 1; i >= 0; i-- {
		o := &orders[i]
		if o.Kind != override && o.Kind != end || o.Result == refused {
			continue
		}
		if o.Result != done || o.StoreMayHaveBeenAway {
			return "", false
		}
		if o.Kind == end {
			return "", true
		}
		return o.Reason, true
	}
	return "", true
}
