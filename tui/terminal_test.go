package tui

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/internal/tmuxtest"
)

// panicEnv makes the process of the tests a terminal that panics: on the key x in
// an update, on y in a request, on z while it draws.
const panicEnv = "SWITCHGEAR_TEST_PANIC"

func TestMain(m *testing.M) {
	if os.Getenv(panicEnv) == "" {
		os.Exit(leakChecked(m))
	}
	c, err := client.New("http://127.0.0.1:1", "", client.Options{})
	if err == nil {
		err = run(context.Background(), Options{Client: c}, func(m *model) tea.Model { return panicking{m, new(bool)} })
	}
	message, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	fmt.Println("ended with", message)
}

type panicking struct {
	*model

	drawing *bool
}

// View panics when it was told to.
func (p panicking) View() tea.View {
	if *p.drawing {
		panic("on purpose")
	}
	return p.model.View()
}

// Update panics where it is told to.
func (p panicking) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "x":
			panic("on purpose")
		case "z":
			*p.drawing = true
			return p, nil
		case "y":
			return p, p.ask(func(context.Context, *client.Client) tea.Msg { panic("on purpose") })
		}
	}
	_, cmd := p.model.Update(msg)
	return p, cmd
}

func TestPanic_LeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"x", "y", "z"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			script := `stty -g >"$DIR/before"; "$TESTS"; stty -g >"$DIR/after"; cmp "$DIR/before" "$DIR/after" && echo as it was; exec cat`
			dir := t.TempDir()
			term, ok := tmuxtest.Start(t, 80, 40, []string{panicEnv + "=1", "DIR=" + dir, "TESTS=" + os.Args[0]}, script)
			if !ok {
				return
			}
			term.Await("switchgear", "NOT LIVE", "connection refused")
			term.Press(key)
			term.Await("ended with panic: on purpose\nas it was\n")
			if term.Ask("alternate_on") != "0" || term.Ask("cursor_flag") != "1" {
				t.Error("the terminal is not as it was")
			}
		})
	}
}
