package tui

import (
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// panicMsg ends the program: something beside it has panicked.
type panicMsg struct{ err error }

// caught puts a panic, if there is one, into err. It is to be deferred.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// guard is the model, whose panics end the program as q does: the terminal is
// given back in good order, and then it is told what happened.
type guard struct {
	tea.Model

	end func()
	err error // why it has ended; nil: it has not
}

// Update takes in one message, unless it is over.
func (g *guard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if p, ok := msg.(panicMsg); ok && g.err == nil {
		g.err = p.err
	}
	if g.err != nil {
		return g, tea.Quit
	}
	cmd := g.update(msg)
	if g.err != nil {
		cmd = tea.Quit
	}
	return g, cmd
}

func (g *guard) update(msg tea.Msg) (cmd tea.Cmd) {
	defer caught(&g.err)
	_, cmd = g.Model.Update(msg)
	return cmd
}

// View is the screen; nothing, when it is over.
func (g *guard) View() tea.View {
	empty := tea.NewView("")
	empty.AltScreen = true
	if g.err != nil {
		return empty
	}
	v := g.view()
	if g.err != nil {
		g.end()
		return empty
	}
	return v
}

func (g *guard) view() tea.View {
	defer caught(&g.err)
	return g.Model.View()
}
