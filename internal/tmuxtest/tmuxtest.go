// Package tmuxtest runs programs in a terminal that is real to them, tmux's, and
// reads what it shows. Where there is no tmux a test does without, unless
// SWITCHGEAR_TEST_REQUIRE is 1: then it fails and says how to install it.
package tmuxtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	patience  = 30 * time.Second      // with the terminal to show something
	lookEvery = 20 * time.Millisecond // while it does not
)

// Terminal is a terminal with one program in it.
type Terminal struct {
	t      *testing.T
	socket string
}

// Start runs a shell script in a terminal of so many columns and lines until the
// test ends; env are NAME=VALUE. ok is false where there is no tmux.
func Start(t *testing.T, columns, lines int, env []string, script string) (term *Terminal, ok bool) {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("SWITCHGEAR_TEST_REQUIRE") == "1" {
			t.Fatal("tmux is not there: apt-get install tmux")
		}
		return nil, false
	}
	dir, err := os.MkdirTemp("", "tmux") //nolint:usetesting // the names of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	term = &Terminal{t: t, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the terminal showed:\n%s", term.Screen())
		}
		_ = term.command("kill-server").Run() // it may have ended
		_ = os.RemoveAll(dir)
	})
	args := []string{"new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(lines)}
	for _, e := range env {
		args = append(args, "-e", e)
	}
	term.do(append(args, "exec sh -c "+quoted(script))...)
	return term, true
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (term *Terminal) command(args ...string) *exec.Cmd {
	// Not with the test's own context, which has ended where the server is.
	return exec.CommandContext(context.WithoutCancel(term.t.Context()), "tmux", append([]string{"-u", "-f", os.DevNull, "-S", term.socket}, args...)...) //nolint:gosec // a test's words
}

func (term *Terminal) do(args ...string) string {
	term.t.Helper()
	out, err := term.command(args...).CombinedOutput()
	if err != nil {
		term.t.Errorf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// Press presses keys, by tmux's names: Enter, Escape, Down, C-c, x.
func (term *Terminal) Press(keys ...string) {
	term.t.Helper()
	term.do(append([]string{"send-keys", "--"}, keys...)...)
}

// Type types a text.
func (term *Terminal) Type(text string) {
	term.t.Helper()
	term.do("send-keys", "-l", "--", text)
}

// Resize makes the terminal another size.
func (term *Terminal) Resize(columns, lines int) {
	term.t.Helper()
	term.do("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(lines))
}

// Screen is what the terminal shows, without colours and fonts.
func (term *Terminal) Screen() string {
	term.t.Helper()
	return term.do("capture-pane", "-p")
}

// Painted is what the terminal shows, with the codes of colours and fonts.
func (term *Terminal) Painted() string {
	term.t.Helper()
	return term.do("capture-pane", "-p", "-e")
}

// Ask returns the value of a format of tmux, such as alternate_on.
func (term *Terminal) Ask(format string) string {
	term.t.Helper()
	return strings.TrimSpace(term.do("display-message", "-p", "#{"+format+"}"))
}

// Await waits until the terminal shows all texts.
func (term *Terminal) Await(texts ...string) {
	term.t.Helper()
	term.await(func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	}, "shows %q", texts)
}

// AwaitGone waits until the terminal shows a text no more.
func (term *Terminal) AwaitGone(text string) {
	term.t.Helper()
	term.await(func(screen string) bool { return !strings.Contains(screen, text) }, "shows %q no more", text)
}

func (term *Terminal) await(is func(screen string) bool, format string, what any) {
	term.t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		screen := term.Screen()
		if is(screen) {
			return
		}
		if time.Since(begun) > patience {
			term.t.Fatalf("the terminal never "+format+"; now:\n%s", what, screen)
		}
	}
}
