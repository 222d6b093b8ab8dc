package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/degenduel/switchgear/app"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
)

// Options are what the demo is told at its start.
type Options struct {
	// Listen is the address to serve on: an address and a port, 0 for any free
	// one. Default 127.0.0.1:8080.
	Listen string

	Stdout, Stderr io.Writer

	// Live redraws a table in place; it is for terminals. Otherwise every
	// event is a line, and the table is printed every 5 s.
	Live bool

	// Duration is when the demo ends by itself, from when all services are
	// there; 0: with its context.
	Duration time.Duration
}

// usualTempo is how many times as fast as real life the demo runs.
const usualTempo tempo = 20

// Run shows the demo until ctx or the duration ends, and then returns nil. An
// error is one of listening, of the data directory, or of writing to Stdout.
func Run(ctx context.Context, o Options) error {
	return perform(ctx, o, usualTempo, nil)
}

// perform is Run at a speed. started, where there is one, is called before
// anything happens.
func perform(ctx context.Context, o Options, speed tempo, started func(*stage)) (err error) {
	s := &stage{speed: speed, token: rand.Text(), screen: newScreen(o.Stdout, o.Live), client: newClient(), duration: o.Duration}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := s.open(ctx, o); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if started != nil {
		started(s)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		defer cancel()
		served <- s.app.Run(ctx)
	}()
	err = s.play(ctx)
	cancel()
	return errors.Join(err, <-served)
}

// stage is the demo while it runs.
type stage struct {
	speed   tempo
	token   string
	screen  *screen
	client  *http.Client
	data    string
	app     *app.App
	players []*player

	duration time.Duration // 0: until the context ends
}

// newClient is for all the traffic. Connections are kept, as services keep
// them.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers + 1}}
}

func (s *stage) open(ctx context.Context, o Options) (err error) {
	if s.data, err = os.MkdirTemp("", "switchgear-demo-"); err != nil {
		return err
	}
	for _, p := range cast {
		a, err := newPlayer(ctx, p, s.client, s.speed)
		if err != nil {
			return err
		}
		s.players = append(s.players, a)
	}
	s.app, err = app.New(ctx, app.Options{
		// What a warning or an event would say, the board says.
		Settings: config.Settings{
			Listen: o.Listen, Data: s.data, LogLevel: "error", AllowedTargets: []string{"loopback"}, // where its services are
		},
		AdminToken: s.token, Stdout: io.Discard, Stderr: s.screen.beside(o.Stderr),
		// No Guard: receivers stand in a config file only, and it has none.
	})
	return err
}

// close ends what open began, and what the players still do.
func (s *stage) close(ctx context.Context) error {
	s.client.CloseIdleConnections()
	var errs []error
	for _, a := range s.players {
		errs = append(errs, a.close(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(s.data))...)
}

// play brings the services in, and then lets everything happen until ctx ends.
func (s *stage) play(ctx context.Context) error {
	m := s.app.Manager()
	for _, a := range s.players {
		if err := a.join(ctx, m, s.speed); err != nil {
			if ctx.Err() != nil {
				return nil // it was told to end, or the app has an error of its own
			}
			return fmt.Errorf("%s does not come in: %w", a.name, err)
		}
	}
	s.screen.print(guide(s.app.URL(), s.app.LoginLink(), s.token, program(os.Executable()), s.speed))
	b := newBoard(m, s.screen)
	_, _, stop := m.Watch(b.hear)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	if s.duration > 0 {
		defer time.AfterFunc(s.duration, cancel).Stop()
	}
	var all sync.WaitGroup
	defer func() {
		cancel()
		all.Wait()
	}()
	own := &remote{s.client, s.app.URL(), s.token}
	script := &script{
		speed: s.speed, players: make(map[string]*player), manager: m, remote: own,
		news: b.news, tell: b.tell, begin: b.begin,
	}
	for _, a := range s.players {
		script.players[a.name] = a
		switch a.joins {
		case embedded:
			all.Go(func() { a.work(ctx) })
		case reported:
			all.Go(func() { a.report(ctx, own) })
		case probed: // the manager's probe is all its traffic
		}
	}
	all.Go(func() { script.run(ctx) })
	return b.run(ctx)
}

// join makes the service known to the manager.
func (a *player) join(ctx context.Context, m *fleet.Manager, speed tempo) error {
	about := config.Service{Layer: a.layer, Description: a.description, Dependencies: a.dependencies, Config: a.config}
	by := fleet.Actor{Name: "demo", Reason: "it is in the demo"}
	var err error
	switch a.joins {
	case embedded:
		err = m.Register(ctx, a.service, about)
	case probed:
		about.HealthCheck = &config.HealthCheck{
			HTTP: &config.HTTPCheck{URL: a.upstream.url + healthPath}, Timeout: speed.of(checkTimeout),
		}
		_, _, err = m.Declare(ctx, a.name, about, by)
	case reported:
		_, _, err = m.Declare(ctx, a.name, about, by)
	}
	return err
}

func (a *player) close(ctx context.Context) error {
	var err error
	if a.service != nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = a.service.Stop(limited)
	}
	return errors.Join(err, a.upstream.close(ctx))
}

// program is how this program, whose file is at the path, is called from another
// terminal.
func program(path string, err error) string {
	const name = "switchgear"
	if err == nil && ofGoRun(path) {
		return "go run ./cmd/switchgear"
	}
	if _, unknown := exec.LookPath(name); err != nil || unknown == nil {
		return name
	}
	return path
}

// ofGoRun reports whether a program is one that go run has built, which is gone
// when it ends.
func ofGoRun(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), func(dir string) bool {
		return strings.HasPrefix(dir, "go-build")
	})
}

// guide is what a newcomer is told at the start. Python wants its lines without
// an indent.
func guide(url, link, token, program string, speed tempo) string {
	return fmt.Sprintf(`listening on %[1]s

Ten services on loopback, with faults to order and real traffic through real
breakers. Every duration is 1/%[4]d of a usual one: an open time of 60 s is %[5]v.
In the table,
%[6]s.

In a browser, with a link that lets in once:

  %[7]s

In a second terminal:

  export SWITCHGEAR_URL=%[1]s SWITCHGEAR_TOKEN=%[2]s

  %[3]s services
  %[3]s events
  %[3]s override referral_service forced_open --for 20s --reason 'to see it'
  curl -H "Authorization: Bearer $SWITCHGEAR_TOKEN" $SWITCHGEAR_URL/api/v2/services

The live stream, with Node 22, or with Python and its package websockets:

  node -e 'const e = process.env; new WebSocket(e.SWITCHGEAR_URL.replace("http", "ws") + "/api/v2/ws/circuit-breaker", e.SWITCHGEAR_TOKEN).onmessage = m => console.log(m.data)'

python3 -c '
import asyncio, os, websockets
async def stream(url, token):
  async with websockets.connect(url.replace("http", "ws") + "/api/v2/ws/circuit-breaker", subprotocols=[token]) as s:
    async for m in s: print(m)
asyncio.run(stream(os.environ["SWITCHGEAR_URL"], os.environ["SWITCHGEAR_TOKEN"]))'

`, url, token, program, speed, speed.of(time.Minute), legend, link)
}
