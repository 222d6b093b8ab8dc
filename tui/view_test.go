package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestBoard_ShowsTheWorstFirstInTheColumnsThatFit(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ width, height int }{{40, 10}, {60, 24}, {80, 24}, {120, 40}, {200, 50}} {
		s := newStage(t, size.width, size.height)
		busy(s)
		s.golden(fmt.Sprintf("board_%dx%d", size.width, size.height))
	}
}

func TestBoard_AddsColoursOfEveryTerminalOnly(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.palette = newPalette(true)
	busy(s)
	s.golden("board_colour")
	if screen := s.screen(); strings.Contains(screen, "38;") || strings.Contains(screen, "48;") {
		t.Errorf("there is a colour that is not of the 16:\n%q", screen)
	}
}

func TestBoard_WithoutColourHasNone(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40)
	busy(s)
	for _, code := range decoration.FindAllString(s.screen(), -1) {
		switch code {
		case "\x1b[m", "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[7m":
		default:
			t.Errorf("there is a colour: %q", code)
		}
	}
}

// hostile are texts that would take a terminal over, hide, or reorder a line.
var hostile = []string{
	"\x1b]0;owned\x07\x1b[2J\x1b[31mred", "a\nb\tc\rd", "\u202egnp.exe\u202c", "\x9b31m\u009b2J", "zero\u200bwidth\u200d\ufeff", "z\u0335\u0336\u0337\u0338\u0321algo",
	"\xff\xfe not utf-8", "支付服务 💳", "\u2028\u2029lines", "\ufe0f\U000e0041tags",
}

func TestEveryScreen_ShowsWhatATerminalWouldObey(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40)
	s.url = visible("http://x/\x1b[2J")
	var entries []wire.Entry
	for i, text := range hostile {
		name := fmt.Sprintf("%d%s", i, text)
		e := service(name, opened(text), inLayer(text), needs(entriesNames(entries)...))
		e.Description = text
		e.Health.Error = &hostile[i]
		e.Status = []string{circuitOpen, text}[i%2]
		e.CircuitBreaker.Override = &wire.Override{Mode: text, Actor: text, Reason: text, ExpiresAt: at(time.Minute)}
		e.Config = []byte(`{"` + "k\u202e" + `":"` + "\u009b" + `"}`)
		entries = append(entries, e)
	}
	s.snapshot(entries...)
	s.golden("board_hostile")
	for _, e := range entries {
		s.openPage(e.Service)
		s.send(eventsMsg{service: e.Service, events: []wire.Event{{
			Service: e.Service, Kind: e.Service, At: at(0), Actor: &e.Service, Reason: &e.Service, From: &e.Service, To: &e.Service,
		}, {Service: e.Service, Seq: 1, Kind: "transition", At: at(0), From: &e.Service, To: &e.Service}}})
		s.mustFit()
		s.press("o")
		s.mustFit()
		s.press("tab", "15m", "tab", "x", "enter")
		s.mustFit()
		s.send(resultMsg{service: e.Service, what: "override", err: &client.Error{Kind: client.Invalid, Problem: wire.Problem{
			Detail: e.Service, Errors: []wire.FieldMessage{{Field: "reason", Message: e.Service}},
		}}, dialog: s.dialog})
		s.mustFit()
		s.press("esc", "esc", "m")
		s.mustFit()
		s.press("esc", "esc", "esc")
	}
	s.press("/")
	s.send(tea.PasteMsg{Content: "\x1b[2J\u202eab\nc"})
	s.mustFit()
	s.mustShow("[2Jab c")
	s.update(client.Update{Err: errors.New("lost\x1b[2J")})
	s.press("esc")
	s.mustFit()
	s.mustShow("lost␛[2J")
}

func entriesNames(entries []wire.Entry) []string {
	var names []string
	for i := range entries {
		names = append(names, entries[i].Service)
	}
	return names
}

func TestBoard_SaysWhyItIsEmpty(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.mustShow("connecting", "Waiting for the manager")
	s.update(client.Update{Err: errors.New("dial tcp 127.0.0.1:8080: connection refused")})
	s.golden("no_manager")
	s.snapshot()
	s.golden("empty_fleet")
	s.snapshot(service("a"))
	s.press("/", "nothing has this", "enter")
	s.mustShow("No service is found by “nothing has this”", "Esc shows them all")
	s.press("esc")
	s.mustShow("● healthy")
}

func TestBoard_SaysWhenItIsNotLiveAndHowOldItIs(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	s.mustShow("live 12:00:00Z")
	s.pass(5 * time.Second)
	s.update(client.Update{Err: errors.New("connection reset by peer")})
	s.pass(7 * time.Second)
	s.golden("not_live")
	s.update(client.Update{Live: true})
	s.pass(time.Second)
	s.mustShow("live 12:00:13Z", "■ circuit open  postgres_main")
	s.pass(silentFor)
	s.mustShow("NOT LIVE for 13s") // though nobody has said that the connection is lost
}

func TestPage_TellsTheWholeStory(t *testing.T) {
	t.Parallel()
	s := newStage(t, 100, 50)
	busy(s)
	s.press("enter")
	history := []wire.Event{
		event(3, "transition", closed, open, `{"rule":"failure_threshold","failures":5,"last_error":"connection refused"}`),
		event(1, "registered", "", "", "null"),
		event(2, "reset", "", closed, "null"),
	}
	s.send(eventsMsg{service: "postgres_main", events: history})
	s.golden("page_open")
	live := event(4, "override", "", forcedOpen, `{"expires_at":"2026-11-23T12:30:00.000Z"}`)
	s.update(client.Update{Live: true, Event: &live}, client.Update{Live: true, Event: &history[0]})
	if n := strings.Count(s.plainScreen(), "closed → open"); n != 1 {
		t.Errorf("an event that is told twice is shown %d times", n)
	}
	s.mustShow("forced open until 12:30:00Z, by alice “because”")
	s.update(client.Update{Live: true, Event: &wire.Event{Service: "postgres_main", Kind: "removed"}})
	s.mustShow("It has been removed.")
	s.press("esc")
	s.mustShow("LAYER")
}

func event(seq uint64, kind, from, to, evidence string) wire.Event {
	actor, reason := "alice", "because"
	e := wire.Event{Service: "postgres_main", Seq: seq, Kind: kind, At: at(time.Duration(seq) * time.Second), Evidence: []byte(evidence), Durable: true}
	if from != "" {
		e.From = &from
	}
	if to != "" {
		e.To = &to
	}
	if kind != "transition" {
		e.Actor, e.Reason = &actor, &reason
	}
	return e
}

func TestPage_HasSomethingToSayOfEveryState(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	for name, want := range map[string]string{
		"prices":    "If nothing fails, it closes in 1m05s.",
		"mailer":    "forced open by alice: “the upstream is being moved”, ends in 14m20s",
		"search":    "below it the circuit is closed",
		"avatars":   "failed, 11:59:57Z, 3s ago, 4 in a row: GET http://avatars/health: 500",
		"brand_new": "Nothing has run yet.",
		"orders":    "postgres_main (it fails)",
		"sessions":  "Everything is let in.",
	} {
		s.openPage(name)
		if text := strings.Join(strings.Fields(s.plainScreen()), " "); !strings.Contains(text, want) {
			t.Errorf("the page of %s does not show %q:\n%s", name, want, s.plainScreen())
		}
		s.mustFit()
	}
}

func TestScreens_HelpFilterAndMessages(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 40)
	busy(s)
	s.press("?")
	s.golden("help")
	s.press("esc", "f", "1", "down", "space")
	s.golden("filter")
	s.press("enter")
	s.mustShow("only circuit open or unhealthy", "1–3 of 3")
	s.send(resultMsg{service: "search", what: "reset", text: "search was reset: closed", good: true})
	s.mustShow("search was reset: closed  (Esc)")
	s.press("esc", "m")
	s.mustShow("Messages, the newest first", "search was reset: closed")
	s.press("esc")
	s.send(tea.WindowSizeMsg{Width: 30, Height: 5})
	s.mustShow("too small")
}
