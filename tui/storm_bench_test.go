package tui

import (
	"context"
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// BenchmarkStorm is what a tenth of a second costs in a fleet of 10 000, half of
// which fail because of ten of them, when a thousand change in it: their news, a
// key, and the screen.
func BenchmarkStorm(b *testing.B) {
	m := newModel(&Options{}, testNow, func(func(context.Context, *client.Client) tea.Msg) tea.Cmd { return nil })
	m.width, m.height = 120, 40
	entries := make([]wire.Entry, 10_000)
	for i := range entries {
		e := service(fmt.Sprintf("service_%05d", i), measured(100, 1, 12))
		if i%2 == 0 {
			e = service(e.Service, opened("connection refused"), needs(fmt.Sprintf("service_%05d", 2*(i%10))))
		}
		entries[i] = e
	}
	m.Update(newsOf(testNow, client.Update{Live: true, Whole: true, Changed: entries}))
	now, at := testNow, 0
	for b.Loop() {
		now = now.Add(newsEvery)
		changed := make([]wire.Entry, 1_000)
		for i := range changed {
			changed[i] = entries[at%len(entries)]
			changed[i].Status = []string{circuitOpen, healthy}[(at/len(entries)+i)%2]
			at++
		}
		m.Update(newsOf(now, client.Update{Live: true, Changed: changed}))
		m.moveKey("down")
		_ = m.View()
	}
}

func newsOf(at time.Time, u client.Update) *news {
	n := newNews()
	n.merge(u, at, true)
	return n
}
