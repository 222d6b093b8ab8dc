package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

// selectService moves to a service of the board.
func (s *stage) selectService(name string) {
	s.t.Helper()
	s.press("home")
	for range s.board.places {
		if s.board.selected == name {
			return
		}
		s.press("down")
	}
	s.t.Fatalf("there is no %s on the board", name)
}

func TestDialog_OverrideTellsWhatItDoesAndAsks(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	s.selectService("orders")
	s.press("o")
	s.golden("override")
	s.press("enter", "enter", "enter")
	s.golden("override_incomplete")
	s.press("1h 30m", "enter", "a migration", "enter")
	s.golden("override_confirm")
	if s.asked != 1 {
		t.Fatalf("%d requests were made before it was confirmed, want that for the role", s.asked)
	}
	s.press("n")
	s.mustShow("a migration", "Enter: done")
	s.press("enter", "y")
	s.mustShow("One moment …")
	if s.asked != 2 {
		t.Fatalf("%d requests were made, want 2", s.asked)
	}
	s.press("y", "enter")
	if s.asked != 2 {
		t.Error("the order was given twice")
	}
	refused := &client.Error{Status: 400, Kind: client.Invalid, Problem: wire.Problem{Errors: []wire.FieldMessage{{Field: "ttl_ms", Message: "is longer than 24h"}}}}
	s.send(resultMsg{service: "orders", what: "override", err: refused, dialog: s.dialog})
	s.golden("override_refused")
	s.press("enter", "y")
	s.send(resultMsg{service: "orders", what: "override", text: "orders is forced open.", good: true, dialog: s.dialog})
	s.mustShow("orders is forced open.  (Esc)", "SERVICE")
}

func TestDialog_ResetOffersTheTrialOfAnOpenCircuitFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	s.selectService("postgres_main")
	s.press("r")
	s.mustShow("(•) try now: begin a recovery, half-open", "one operation at a time is let in")
	s.press("right")
	s.golden("reset")
	s.press("tab", "back", "ctrl+w", "it is well", "left", "left", "X", "backspace", "enter")
	s.mustShow("Close the circuit of postgres_main?", "it is well")
	s.press("esc", "esc")
	s.mustShow("SERVICE")
}

func TestDialog_IsNotOpenedWhereTheOrderCannotBe(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	s.press("r")
	s.mustShow("There is no service to do that to.")
	busy(s)
	s.selectService("mailer")
	s.press("r")
	s.mustShow("mailer cannot be reset while it is forced open")
	s.selectService("orders")
	s.press("O")
	s.mustShow("orders has no override that could be ended.")
	s.send(roleMsg{"viewer"})
	asked := s.asked
	for _, key := range []string{"c", "r", "o", "O"} {
		s.press(key)
		s.mustShow("A token of the role viewer may only look")
	}
	if s.asked != asked || s.dialog != nil {
		t.Error("an order was given or begun that the role may not give")
	}
}

func TestDialog_EndsAnOverride(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24)
	busy(s)
	s.selectService("mailer")
	s.press("O")
	s.golden("end")
	s.press("moved", "enter", "y")
	s.mustShow("One moment …")
	s.press("esc") // it is not waited for
	s.mustShow("the order is on its way")
	s.send(resultMsg{service: "mailer", what: "end of the override", err: context.DeadlineExceeded, dialog: &dialog{}})
	s.press("m")
	s.mustShow("it is not known whether the end of the override was done", "did not answer in time")
}

// TestRefusals_AreShownForWhatTheyAre holds every kind of refusal against the
// screen, in the dialog and in the messages.
func TestRefusals_AreShownForWhatTheyAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"forbidden":   {&client.Error{Kind: client.Forbidden, Problem: wire.Problem{Detail: "it needs the role operator"}}, "the token may not do that (it needs the role operator)"},
		"conflict":    {&client.Error{Kind: client.Conflict, Problem: wire.Problem{Detail: "an override holds"}}, "it contradicts the present state (an override holds)"},
		"unavailable": {&client.Error{Kind: client.Unavailable, Problem: wire.Problem{Detail: "the store is away", RequestID: "r7"}, RetryAfter: 5 * time.Second}, "the store is away (request r7); try again in 5s"},
		"field":       {&client.Error{Kind: client.Invalid, Problem: wire.Problem{Errors: []wire.FieldMessage{{Field: "reason", Message: "is too long"}}}}, "reason: is too long"},
		"network":     {errors.New("client: connection reset"), "It is not known whether it was done: connection reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 120, 24)
			busy(s)
			s.press("r", "tab", "why", "enter", "y")
			s.send(resultMsg{service: "postgres_main", what: "reset", err: c.err, dialog: s.dialog})
			s.mustShow("Refused: "+c.want, "why")
			s.press("esc", "m")
			if text := strings.Join(strings.Fields(s.plainScreen()), " "); !strings.Contains(text, "postgres_main: ") {
				t.Errorf("the refusal is not among the messages:\n%s", s.plainScreen())
			}
		})
	}
}

func TestDialog_KeepsTheQuestionInSightOnASmallScreen(t *testing.T) {
	t.Parallel()
	s := newStage(t, 50, 16)
	busy(s)
	var many []wire.Entry
	for i := range 20 {
		many = append(many, service(fmt.Sprintf("user_%02d", i), needs("base")))
	}
	s.snapshot(append(many, service("base", opened("x")))...)
	s.press("home", "o", "enter", "1h", "enter", "why", "enter")
	s.mustFit()
	s.mustShow("Force open base for 1h00m?", "y yes")
}
