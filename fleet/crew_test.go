package fleet_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// twoOfFour is the rule of these tests.
var twoOfFour = config.Quorums{All: config.Quorum{Instances: 2, Share: 0.5}}

// crew are programs of web that have had traffic, under the rule.
type crew struct {
	*bench

	t   *testing.T
	all []*program
}

func newCrew(t *testing.T, store fleet.Store, names ...string) *crew {
	t.Helper()
	c := &crew{bench: start(t, store, &upstream{}), t: t}
	c.SetQuorums(twoOfFour)
	for _, name := range names {
		p := joined(t, c.bench, name, "web")
		p.breakers["web"].RecordSuccess(time.Millisecond)
		p.report("web")
		c.all = append(c.all, p)
	}
	return c
}

// comeTo has all join another manager.
func (c *crew) comeTo(next *bench) {
	next.SetQuorums(twoOfFour)
	c.bench = next
	for _, p := range c.all {
		p.b = next
		p.connect()
		p.join(false)
	}
}

// live has all live for so long, at a time.
func (c *crew) live(d time.Duration) {
	var all sync.WaitGroup
	for _, p := range c.all {
		all.Go(func() { p.live(d) })
	}
	all.Wait()
	synctest.Wait()
}

// states are those of the breakers themselves.
func (c *crew) states() string {
	var all []string
	for _, p := range c.all {
		all = append(all, p.breakers["web"].State().String())
	}
	return strings.Join(all, "/")
}

func (c *crew) want(when, states string) {
	c.t.Helper()
	if got := c.states(); got != states {
		c.t.Errorf("%s they are %s, want %s", when, got, states)
	}
}

// recoverer is the one that tries.
func (c *crew) recoverer() *program {
	c.t.Helper()
	i := slices.IndexFunc(c.all, func(p *program) bool { return p.breakers["web"].State() == switchgear.HalfOpen })
	if i < 0 {
		c.t.Fatalf("nobody tries: %s", c.states())
	}
	return c.all[i]
}

// outage has two fail, which opens all.
func (c *crew) outage() {
	c.t.Helper()
	c.all[0].fail("web")
	c.all[1].fail("web")
	c.live(2 * time.Second)
	if got := c.states(); got != strings.TrimPrefix(strings.Repeat("/open", len(c.all)), "/") {
		c.t.Fatalf("after two failed they are %s", got)
	}
}

func (c *crew) rules(kind fleet.EventKind) (rules []string) {
	c.t.Helper()
	events, err := c.Events(c.t.Context(), fleet.EventQuery{Service: "web", Kinds: []fleet.EventKind{kind}, Limit: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	for i := range slices.Backward(events) {
		_, rule, _ := strings.Cut(string(events[i].Evidence), `"rule":"`)
		rule, _, _ = strings.Cut(rule, `"`)
		rules = append(rules, events[i].To+" by "+rule)
	}
	return rules
}
