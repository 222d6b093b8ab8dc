package agent

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/wire"
)

func TestMember_TellsNoHoleInAMessageAndNoStateBeforeItsCause(t *testing.T) {
	t.Parallel()
	m := &member{}
	for _, n := range []uint64{3, 4, 7, 8, 9} {
		m.queue = append(m.queue, switchgear.Transition{Number: n})
		m.heard = n
	}
	var pages [][]uint64
	for {
		var page []uint64
		for _, tr := range m.untold(m.sent, 2) {
			page = append(page, tr.Number)
		}
		if page == nil {
			break
		}
		if !m.isAhead(&switchgear.Snapshot{Transitions: 9}) {
			t.Errorf("after %d its state could be told", m.sent)
		}
		pages = append(pages, page)
		m.sent = page[len(page)-1]
	}
	if diff := cmp.Diff([][]uint64{{3, 4}, {7, 8}, {9}}, pages); diff != "" {
		t.Errorf("the messages (-want +got):\n%s", diff)
	}
	if m.isAhead(&switchgear.Snapshot{Transitions: 9}) || !m.isAhead(&switchgear.Snapshot{Transitions: 10}) {
		t.Error("its state is told too late, or too early")
	}
	m.known(7)
	if len(m.queue) != 2 || m.queue[0].Number != 8 {
		t.Errorf("after the seventh is stored there are %d", len(m.queue))
	}
}

func TestMember_EndsAnOverrideWhenItIsDueWhateverTheManagersClockShows(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-48 * time.Hour, 0, 48 * time.Hour} {
		s, err := switchgear.NewService("prices", switchgear.ServiceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		m := newMember(Member{Service: s})
		there := time.Now().Add(ahead)
		o := &wire.Override{Mode: "forced_open", Reason: "drill", Actor: "ada", ExpiresAt: wire.Time{Time: there.Add(time.Hour)}}
		if err := m.force(o, there); err != nil {
			t.Fatal(err)
		}
		if left := time.Until(s.Breaker().Snapshot().Override.Until); left > time.Hour || left < time.Hour-time.Minute || !m.isGiven() {
			t.Errorf("with a clock that is ahead by %v it has %v left", ahead, left)
		}
	}
}
