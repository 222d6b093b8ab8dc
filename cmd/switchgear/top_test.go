package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/internal/tmuxtest"
	"github.com/degenduel/switchgear/wire"
)

// topScript runs the command between two looks at how the terminal is set.
const topScript = `cd "$DIR"; echo before; stty -g >before; sh -c 'echo $$ >pid; exec env '"$WITH switchgear top $FLAGS"; echo "ended with $?"
stty -g >after; cmp before after && echo as it was; exec cat`

// top is the command in a terminal of its own.
type topTerminal struct {
	*tmuxtest.Terminal

	dir string
}

// startTop runs the command with flags and variables, looking at a manager; ok is false where there is no
// terminal to be had.
func startTop(t *testing.T, m managed, flags, with string) (term topTerminal, ok bool) {
	t.Helper()
	term.dir = t.TempDir()
	env := []string{
		"DIR=" + term.dir, "FLAGS=" + flags, "WITH=" + with, "SWITCHGEAR_URL=" + m.url, "SWITCHGEAR_TOKEN=" + fakeToken,
		"PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE"),
	}
	term.Terminal, ok = tmuxtest.Start(t, 80, 30, env, topScript) // on which the JSON of a service has room
	return term, ok
}

// mustBeRestored waits for the end, after which the terminal is to be as it was.
func (term topTerminal) mustBeRestored(t *testing.T) {
	t.Helper()
	term.Await("before\nended with 0\nas it was\n")
	for format, want := range map[string]string{"alternate_on": "0", "cursor_flag": "1", "mouse_any_flag": "0", "insert_flag": "0", "origin_flag": "0"} {
		if got := term.Ask(format); got != want {
			t.Errorf("%s is %s, want %s", format, got, want)
		}
	}
}

// fleet declares services of which one has failed.
func (m managed) fleet(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := m.PutService(t.Context(), name, config.Service{Layer: "core"}, "it is new"); err != nil {
			t.Fatal(err)
		}
	}
	failure := wire.OperationOutcome{Outcome: "failure", DurationMs: 12, Error: "connection refused"}
	if _, err := m.Report(t.Context(), names[0], slices.Repeat([]wire.OperationOutcome{failure}, 5)...); err != nil {
		t.Fatal(err)
	}
}

// TestTop_IsUsedFromStartToEnd drives it as somebody on call does.
func TestTop_IsUsedFromStartToEnd(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	m := manage(t, data, "127.0.0.1:0")
	m.fleet(t, "billing", "checkout", "web")
	term, ok := startTop(t, m, "", "")
	if !ok {
		return
	}
	term.Await("■ 1 circuit open", "Root of failure: billing, for ", "(too many failures)", "›  ■ circuit open  billing", "checkout", "live ")

	term.Press("/")
	term.Type("bill")
	term.AwaitGone("checkout")
	term.Press("Enter", "Enter")
	term.Await("too many failures: 5 failed", "connection refused", "closed → open")

	term.Press("r", "Right", "Tab")
	term.Type("it is well again")
	term.Press("Enter")
	term.Await("Close the circuit of billing?")
	term.Press("y")
	term.Await("billing was reset", "circuit    closed", "by admin “it is well again”")

	term.Press("o", "Enter")
	term.Type("15m")
	term.Press("Enter")
	term.Type("a migration")
	term.Press("Enter")
	term.Await("Force open billing for 15m00s?", "will be refused.", "No service depends on it.")
	term.Press("y")
	term.Await("billing is forced open until", "ends in 14m")
	e, err := m.Service(t.Context(), "billing")
	if o := e.CircuitBreaker.Override; err != nil || o == nil || o.Mode != "forced_open" || o.Reason != "a migration" {
		t.Errorf("the manager has the override %+v, %v", o, err)
	}

	m.stop()
	term.Await("NOT LIVE for ")
	manage(t, data, strings.TrimPrefix(m.url, "http://"))
	term.AwaitGone("NOT LIVE")
	term.Await("circuit    forced open")
	term.Press("Escape") // the message
	term.AwaitGone("billing is forced open until")

	term.Press("Escape")
	term.Await("only found by “bill”")
	term.Press("Escape")
	term.Resize(130, 40)
	term.Await("LAYER", "LET IN", "checkout")
	term.Press("q")
	term.mustBeRestored(t)
}

func TestTop_LeavesTheTerminalWhenItIsTerminated(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	m.fleet(t, "billing")
	coloured := regexp.MustCompile("\x1b\\[[0-9;]*(3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")
	for name, c := range map[string]struct{ flags, with string }{
		"colour": {"", "NO_COLOR="}, "no colour": {"", "NO_COLOR=1"}, "color never": {"--color never", "NO_COLOR="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term, ok := startTop(t, m, c.flags, c.with)
			if !ok {
				return
			}
			term.Await("■ circuit open  billing")
			if got := coloured.MatchString(term.Painted()); got != (name == "colour") {
				t.Errorf("colours are used: %t\n%q", got, term.Painted())
			}
			text, err := os.ReadFile(filepath.Join(term.dir, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			term.mustBeRestored(t)
		})
	}
}

// TestTop_PrintsTheTableWhereItCannotFillAScreen holds the ways in which it is
// used by programs, and by terminals that can do nothing, to what they were.
func TestTop_PrintsTheTableWhereItCannotFillAScreen(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	m.fleet(t, "billing")
	for name, c := range map[string]struct{ flags, with, want string }{
		"dumb": {"", "TERM=dumb", "SERVICE  STATUS"}, "json": {"-o json", "", `{"service":"billing"`},
		"once": {"--once", "", "SERVICE  STATUS"}, "piped": {"| cat", "", "SERVICE  STATUS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term, ok := startTop(t, m, c.flags, c.with)
			if !ok {
				return
			}
			term.Await("before\n", c.want)
			if name != "once" {
				term.Press("C-c")
			}
		})
	}
}

func TestTop_SaysWhatIsWrongBesideTheScreen(t *testing.T) {
	t.Parallel()
	m := manage(t, t.TempDir(), "127.0.0.1:0")
	term, ok := startTop(t, m, "--token-file wrong", "")
	if !ok {
		return
	}
	term.Await("no token: open wrong", "as it was")
	if out, err := exec.Command("switchgear", "top", "--color", "always").CombinedOutput(); err == nil {
		t.Errorf("it takes any colour: %s", out)
	}
}
