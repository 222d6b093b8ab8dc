package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/degenduel/switchgear"
)

// instanceJSON is an instance as it is kept.
type instanceJSON struct {
	Agent    AgentInfo     `json:"agent"`
	Boot     string        `json:"boot"` // a hash
	JoinedAt time.Time     `json:"joinedAt"`
	State    InstanceState `json:"state"`
	Number   uint64        `json:"transition"` // that was stored last
	Base     *totals       `json:"base,omitempty"`
	Warned   string        `json:"warned,omitempty"`
	HasCheck bool          `json:"hasCheck,omitempty"`
	Left     bool          `json:"left,omitempty"`
}

// instanceRow is the instance as the store keeps it.
func (c *crowd) instanceRow(i *instance, now time.Time) InstanceRow {
	return InstanceRow{Service: c.name, Instance: i.who.id, UpdatedAt: now, Value: object(instanceJSON{
		Agent: *i.who.info.Load(), Boot: i.who.boot, JoinedAt: i.joined(), State: i.state, Number: i.number,
		Base: i.base, Warned: i.warned, HasCheck: i.hasCheck, Left: i.left,
	})}
}

// restoreCrowd puts back who was there. Nobody is connected; whoever does not come
// back is stale by and by.
func (m *Manager) restoreCrowd(ctx context.Context, c *crowd, extra *crowdJSON, rows []InstanceRow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if extra != nil {
		c.gone, c.saidAt = extra.Gone, extra.SaidAt
		c.verdict = extra.Verdict.verdict(time.Now())
	}
	for _, row := range rows {
		var j instanceJSON
		if err := json.Unmarshal(row.Value, &j); err != nil || j.Agent.Instance != row.Instance {
			m.log.ErrorContext(ctx, "a stored instance cannot be read: it is left out until it joins again",
				slog.String("service", row.Service), slog.String("instance", row.Instance), slog.Any("error", err))
			continue
		}
		i := &instance{
			who: m.agents.recall(&j.Agent, j.Boot), joinedAt: j.JoinedAt.UnixNano(), state: j.State, number: j.Number, stored: j.Number,
			base: j.Base, warned: j.Warned, hasCheck: j.HasCheck, left: j.Left,
		}
		compact(&i.state.Snapshot)
		at, _ := find(c.all, row.Instance)
		c.all = append(c.all, nil)
		copy(c.all[at+1:], c.all[at:])
		c.all[at] = i
	}
}

// maxInstanceRows is how many instances one change of a flush writes.
const maxInstanceRows = 64

// changedInstances are the writings of instances that the store does not have as
// they are.
func (m *Manager) changedInstances(s *member, now time.Time) []*change {
	if s.crowd == nil || s.removed {
		return nil
	}
	c := s.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turning {
		return nil // it comes with the turn, or after it
	}
	var all []*change
	var rows []InstanceRow
	written := make(map[*instance]uint)
	done := func() {
		if len(rows) == 0 {
			return
		}
		of := written
		w := &change{service: s.name, member: s, apply: func() { c.wrote(of) }}
		w.draft.Instances = rows
		all = append(all, w)
		rows, written = nil, make(map[*instance]uint)
	}
	for _, i := range c.all {
		if !i.unsaved {
			continue
		}
		rows = append(rows, c.instanceRow(i, now))
		written[i] = i.changes
		if len(rows) == maxInstanceRows {
			done()
		}
	}
	done()
	return all
}

// wrote notes that the store has the instances, where nothing was heard since.
func (c *crowd) wrote(of map[*instance]uint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, changes := range of {
		if i.changes == changes {
			i.unsaved = false
		}
	}
}

// spoke takes note, once, of something beside the view that the store has not.
func (c *crowd) spoke() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.unsaved
	c.unsaved = false
	return was
}

// measure is how many instances there are, and how many of them have refused a
// config.
func (c *crowd) measure() (*Instances, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, refused := c.whole(time.Now()).census.Instances, 0
	for _, i := range c.all {
		if i.state.ConfigError != "" && !i.left {
			refused++
		}
	}
	return &in, refused
}

// scopeInstance marks what one of several instances did.
const scopeInstance = "instance"

// instanceEvidence is the evidence of a transition of an instance.
func instanceEvidence(tr *switchgear.Transition, i *instance, scope string) json.RawMessage {
	e := evidenceOf(tr)
	e.Instance, e.InstanceName, e.Scope = i.who.id, i.who.info.Load().Name, scope
	return object(e)
}

// RuleAllInstances is the rule by which the instances of a service make one state:
// open where all are, closed where one is.
const RuleAllInstances = "all_instances"

// wholeEvidence is the evidence of a transition of the whole.
func wholeEvidence(tr *switchgear.Transition, v *crowdView) json.RawMessage {
	e := evidenceOf(tr)
	e.Scope, e.Instances = "service", &instancesJSON{Total: v.census.Total, Open: v.tally[switchgear.Open]}
	return object(e)
}

type instancesJSON struct {
	Total int `json:"total"`
	Open  int `json:"open"`
}
