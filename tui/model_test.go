package tui

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func (s *stage) names() []string {
	var names []string
	for _, p := range s.board.places {
		names = append(names, p.name)
	}
	return names
}

func TestOrder_IsTheBoards(t *testing.T) {
	t.Parallel()
	status := func(status string) func(*wire.Entry) { return func(e *wire.Entry) { e.Status = status } }
	s := newStage(t, 80, 24)
	s.snapshot(
		service("well"), service("also_well", func(e *wire.Entry) { e.Performance.P95OperationTimeMs = 9 }), service("forced", overridden(forcedOpen)),
		service("ill", sick("x")), service("trial", recoveringAt(0.5)), service("shaky", status(degraded)), service("b_open", opened("x")),
		service("a_dragged", opened("x"), needs("b_open")), service("new", status(unknown)), service("odd", status("from_the_future")),
	)
	want := []string{"b_open", "a_dragged", "forced", "ill", "trial", "shaky", "new", "also_well", "well", "odd"}
	if diff := cmp.Diff(want, s.names()); diff != "" {
		t.Errorf("worst first (-want +got):\n%s", diff)
	}
	s.press("s")
	if got := s.names(); !slices.IsSorted(got) {
		t.Errorf("by name: %q", got)
	}
	s.press("sss")
	if got := s.names(); s.board.sort != byP95 || got[0] != "also_well" {
		t.Errorf("%v: %q", s.board.sort, got)
	}
	s.press("S", "/", "WELL al")
	if diff := cmp.Diff([]string{"also_well"}, s.names()); diff != "" {
		t.Errorf("searched (-want +got):\n%s", diff)
	}
}

func TestOrder_StaysWhileSomebodyMoves(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.snapshot(service("a"), service("b"), service("c"))
	s.press("down")
	broken := service("c", opened("x"))
	s.update(client.Update{Live: true, Changed: []wire.Entry{broken}})
	s.pass(time.Second)
	if diff := cmp.Diff([]string{"a", "b", "c"}, s.names()); diff != "" {
		t.Errorf("the order has moved away from under the cursor (-want +got):\n%s", diff)
	}
	s.mustShow("held, 1 would move", "■ circuit open  c")
	s.pass(heldFor)
	if diff := cmp.Diff([]string{"c", "a", "b"}, s.names()); diff != "" || s.board.selected != "b" {
		t.Errorf("%s is selected, want b; the order (-want +got):\n%s", s.board.selected, diff)
	}
	s.press("home")
	if s.board.selected != "c" {
		t.Errorf("%s is selected, want the worst", s.board.selected)
	}
	s.update(client.Update{Live: true, Changed: []wire.Entry{service("c"), service("b", opened("x"))}})
	s.pass(time.Second)
	if s.board.selected != "b" {
		t.Errorf("%s is selected, want the worst, which is another now", s.board.selected)
	}
	s.update(client.Update{Live: true, Event: &wire.Event{Service: "b", Kind: "removed"}})
	s.pass(time.Second)
	if diff := cmp.Diff([]string{"a", "c"}, s.names()); diff != "" || s.board.selected != "a" {
		t.Errorf("%s is selected, want a; the order (-want +got):\n%s", s.board.selected, diff)
	}
}

func TestBoard_ScrollsThroughALargeFleet(t *testing.T) { // not parallel: it counts allocations
	s := newStage(t, 80, 24)
	var entries []wire.Entry
	for i := range 10_000 {
		entries = append(entries, service(fmt.Sprintf("service_%05d", i)))
	}
	s.snapshot(entries...)
	s.press("pgdown", "down", "end")
	s.mustShow("› ", "service_09999", "9983–10000 of 10000")
	s.press("pgup", "up", "home")
	s.mustShow("1–18 of 10000", "service_00000")
	// Only what can be seen may cost something. Some 300 strings make a screen.
	if n := testing.AllocsPerRun(5, func() { _ = s.View() }); n > 10_000 {
		t.Errorf("a screen takes %v allocations: it is made of more than what can be seen", n)
	}
}

func TestStream_ComesBackWithWhatWasMissed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	s.press("enter")
	asked := s.asked
	s.update(client.Update{Err: errors.New("lost")})
	s.pass(20 * time.Second)
	s.snapshot(service("postgres_main", measured(100, 0, 3)), service("other"))
	s.pass(time.Second)
	s.mustShow("live 12:00:21Z", "HEALTHY")
	if s.asked != asked+1 {
		t.Errorf("%d requests after a fresh snapshot, want one for the history", s.asked-asked)
	}
	s.press("esc")
	if diff := cmp.Diff([]string{"other", "postgres_main"}, s.names()); diff != "" {
		t.Errorf("the services (-want +got):\n%s", diff)
	}
}

func TestEnd_IsSaidWithoutLosingTheBoard(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	refusal := &client.Error{Status: 401, Kind: client.Unauthorized, Problem: wire.Problem{Title: "Unauthorized"}}
	s.send(endedMsg{refusal})
	if !s.quit {
		t.Error("it goes on though there will never be anything to show")
	}
	s = newStage(t, 80, 24)
	busy(s)
	s.send(endedMsg{refusal})
	s.mustShow("NOT LIVE", "does not let us in any more: Unauthorized", "postgres_main")
	if s.quit {
		t.Error("it took away what it had")
	}
	s.press("q")
	if !s.quit {
		t.Error("q does not quit")
	}
}

func TestSeeds_AreAskedForWhatIsSeenAndOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.snapshot(service("a"), service("b"))
	if s.asked != 1 || !s.seeding {
		t.Fatalf("%d requests were made, want one for the series", s.asked)
	}
	points := []wire.Point{{At: at(-40 * time.Second), Successful: 10}, {At: at(-20 * time.Second), Failed: 10}}
	s.send(seedsMsg{
		names: []string{"a", "b"}, asked: testNow, came: testNow,
		series: wire.SeriesOfMany{To: at(time.Hour), Series: []wire.ServiceSeries{{Service: "b", Points: points}}},
	})
	if s.skew != time.Hour {
		t.Errorf("the manager's clock is taken to be %v from ours, want an hour", s.skew)
	}
	s.pass(time.Second)
	if s.asked != 1 {
		t.Error("what is known was asked for again")
	}
}
