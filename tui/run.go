package tui

import (
	"context"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/degenduel/switchgear/client"
)

// framesASecond is how often the screen is drawn at most, while keys are pressed.
const framesASecond = 30

// Options are what Run is told. Client is needed.
type Options struct {
	Client *client.Client

	// URL is the manager's, to be shown.
	URL string

	// Statuses and Layer are what is shown at first; empty: everything.
	Statuses []string
	Layer    string

	// Colour is whether colours may be used.
	Colour bool

	// Output is the terminal. Default os.Stdout. Keys are read from os.Stdin, or
	// from the terminal that belongs to the process where that is none.
	Output *os.File
}

// Run shows the fleet until somebody ends it, which returns nil, or ctx does,
// whose error it returns. Other errors are those of the terminal, or the
// *client.Error of a manager that does not know the token or lets it do nothing.
// The terminal is then as it was.
func Run(ctx context.Context, o Options) error {
	return run(ctx, o, func(m *model) tea.Model { return m })
}

// run is Run with a model that may be put into another.
func run(ctx context.Context, o Options, put func(*model) tea.Model) error {
	if o.Output == nil {
		o.Output = os.Stdout
	}
	ctx, stop := context.WithCancel(ctx)
	var w work
	defer w.wait()
	defer stop()

	m := newModel(&o, time.Now(), w.asker(ctx, o.Client))
	g := &guard{Model: put(m)}
	program := tea.NewProgram(g, options(&o)...)
	g.end = func() { w.start(program.Quit) }
	// Not by WithContext: a program that is killed closes what its reader still reads.
	w.start(func() { <-ctx.Done(); program.Quit() })
	f := newFeed(time.Now)
	w.start(func() { f.pump(ctx, func(n *news) { program.Send(n) }) })
	w.start(func() { program.Send(watch(ctx, o.Client, f.tell)) })
	_, err := program.Run()
	switch {
	case g.err != nil:
		return g.err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	return m.ended
}

func options(o *Options) []tea.ProgramOption {
	env := os.Environ()
	if !o.Colour {
		env = append(env, "NO_COLOR=1")
	}
	return []tea.ProgramOption{
		tea.WithOutput(o.Output), tea.WithEnvironment(env), tea.WithFPS(framesASecond),
		tea.WithoutSignalHandler(), // who gave ctx listens to signals
	}
}

// watch follows the stream to its end, which it returns.
func watch(ctx context.Context, c *client.Client, tell func(client.Update)) tea.Msg {
	return guarded(func() tea.Msg { return endedMsg{c.Watch(ctx, tell)} })
}

// guarded returns what do returns, or its panic: that would else end the process
// before the terminal is as it was.
func guarded(do func() tea.Msg) (msg tea.Msg) {
	var err error
	defer func() {
		if err != nil {
			msg = panicMsg{err}
		}
	}()
	defer caught(&err)
	return do()
}

// work is everything that runs beside the program.
type work struct {
	mu    sync.Mutex
	over  bool
	group sync.WaitGroup
}

// begin reports whether there is still time to do something; end must follow.
func (w *work) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	w.group.Add(1)
	return true
}

func (w *work) start(do func()) {
	if w.begin() {
		go func() {
			defer w.group.Done()
			do()
		}()
	}
}

// wait lets nothing more begin, and returns when all that has begun is done.
func (w *work) wait() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.group.Wait()
}

func (w *work) asker(ctx context.Context, c *client.Client) ask {
	return func(call func(context.Context, *client.Client) tea.Msg) tea.Cmd {
		return func() tea.Msg {
			if !w.begin() {
				return nil // it came too late
			}
			defer w.group.Done()
			return guarded(func() tea.Msg { return call(ctx, c) })
		}
	}
}
