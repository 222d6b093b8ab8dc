package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// The bars show five minutes. What was before the program was started is asked
// for when a service is first seen, all that can be seen at once; where the
// manager does not answer, they grow from what the stream tells.
const (
	seedSpan  = buckets * bucketWidth
	seedStep  = 10 * time.Second
	seedRetry = 30 * time.Second

	mostNames   = 200   // that are asked for at once
	mostLetters = 6_000 // that they may have together, as they stand in a URL
)

// skewSeen is how far the manager's clock must be from ours to be believed: less
// may be the way of the answer.
const skewSeen = 3 * time.Second

type seedsMsg struct {
	names  []string
	series wire.SeriesOfMany
	asked  time.Time
	came   time.Time
	err    error
}

// askSeeds asks for what is not known yet of the services that can be seen.
func (m *model) askSeeds() tea.Cmd {
	if m.seeding || !m.known || m.lost != nil || m.now.Before(m.seedNot) {
		return nil
	}
	var names []string
	letters := 0
	for _, name := range m.inSight() {
		if m.fleet.entries[name] == nil || m.fleet.ring(name).seeded {
			continue
		}
		if letters += len(name) + 1; len(names) == mostNames || letters > mostLetters {
			break
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil
	}
	m.seeding = true
	from := m.clock().Add(-seedSpan)
	return m.ask(func(ctx context.Context, c *client.Client) tea.Msg {
		msg := seedsMsg{names: names, asked: time.Now()}
		msg.series, msg.err = c.SeriesOf(ctx, names, client.SeriesQuery{From: from, Step: seedStep})
		msg.came = time.Now()
		return msg
	})
}

// inSight are the services whose bars can be seen.
func (m *model) inSight() []string {
	if m.screen == onPage {
		return []string{m.page.service}
	}
	var names []string
	for _, p := range m.board.inSight(m.bodyHeight() - 1) {
		names = append(names, p.name)
	}
	return names
}

func (m *model) takeSeeds(msg *seedsMsg) {
	m.seeding = false
	if msg.err != nil {
		m.seedNot = m.now.Add(seedRetry)
		return
	}
	half := msg.came.Sub(msg.asked) / 2
	if skew := msg.series.To.Sub(msg.asked.Add(half)); skew.Abs() > max(skewSeen, half) {
		m.skew = skew
	}
	for _, name := range msg.names {
		if m.fleet.entries[name] != nil {
			m.fleet.ring(name).seeded = true
		}
	}
	for _, s := range msg.series.Series {
		if m.fleet.entries[s.Service] == nil {
			continue
		}
		r := m.fleet.ring(s.Service)
		for i := range s.Points {
			p := &s.Points[i]
			at := p.At.Add(-m.skew)
			r.seed(at, seedStep, counts{float64(p.Successful), float64(p.Failed), float64(p.Rejected)})
		}
	}
}
