package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/fleet"
)

const (
	// refresh is how often the board looks at the services, and rateSpan over
	// how many looks it reckons what happens in a second.
	refresh  = 250 * time.Millisecond
	rateSpan = 4

	// tableEvery is how many looks there are between two tables where nothing
	// is redrawn in place.
	tableEvery = 20

	// maxUnread is how many lines wait to be shown; above it the oldest go.
	// maxLatest is how many are kept for the live view.
	maxUnread = 1024
	maxLatest = 20
)

// line is a piece of news about a service, or about the demo itself.
type line struct {
	at      time.Time
	service string
	text    string
}

// board gathers what there is to show and shows it on the screen.
type board struct {
	manager *fleet.Manager
	screen  *screen
	news    chan struct{} // for the script: a service has changed

	mu     sync.Mutex
	unread []line
	act    act
	number int

	// The rest is run's alone.
	latest []line
	looks  []look // the last rateSpan+1
}

// look is what the services were at one moment.
type look struct {
	at    time.Time
	views []fleet.View
}

func newBoard(m *fleet.Manager, s *screen) *board {
	return &board{manager: m, screen: s, news: make(chan struct{}, 1)}
}

// hear takes in what the manager tells.
func (b *board) hear(c fleet.Change) {
	select {
	case b.news <- struct{}{}:
	default:
	}
	if c.Event == nil {
		return
	}
	if text := words(c.Event); text != "" {
		b.add(line{c.Event.At, c.Service, text})
	}
}

// tell adds a line that is about the demo itself.
func (b *board) tell(format string, args ...any) {
	b.add(line{at: time.Now(), text: fmt.Sprintf(format, args...)})
}

func (b *board) add(l line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.unread) == maxUnread {
		b.unread = b.unread[1:]
	}
	b.unread = append(b.unread, l)
}

// begin announces an act.
func (b *board) begin(number int, a act) {
	b.mu.Lock()
	b.number, b.act = number, a
	b.mu.Unlock()
	if !b.screen.live {
		b.tell("act %d: %s", number, a.title)
		b.tell("%s", a.watch)
	}
}

// run shows the services until ctx ends, or the screen cannot be written to.
func (b *board) run(ctx context.Context) error {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for n := 0; ; n++ {
		now := b.look()
		if b.screen.live {
			b.screen.draw(b.picture(now))
		} else {
			b.print(now, n%tableEvery == rateSpan) // when there are rates
		}
		if err := b.screen.failed(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes the services in, and adds a line for what no event tells: the
// steps of a recovery, and that a dependency fails.
func (b *board) look() look {
	now := look{time.Now(), b.manager.Services()}
	slices.SortStableFunc(now.views, func(v, w fleet.View) int { return place(v.Service) - place(w.Service) })
	if n := len(b.looks); n > 0 {
		for i := range now.views {
			v := &now.views[i]
			if was := find(b.looks[n-1].views, v.Service); was != nil {
				if text := changeWords(was, v, now.views); text != "" {
					b.add(line{now.at, v.Service, text})
				}
			}
		}
	}
	b.looks = append(b.looks, now)
	if len(b.looks) > rateSpan+1 {
		b.looks = b.looks[1:]
	}
	b.mu.Lock()
	fresh := b.unread
	b.unread = nil
	b.mu.Unlock()
	b.latest = append(b.latest, fresh...)
	return now
}

// place is where a service stands in the table: in the order of the cast, and
// those that somebody else has brought in after it.
func place(service string) int {
	i := slices.IndexFunc(cast, func(p part) bool { return p.name == service })
	if i < 0 {
		return len(cast)
	}
	return i
}

// changeWords are what has changed between two looks at a service and is in no
// event; "" for nothing.
func changeWords(was, is *fleet.View, all []fleet.View) string {
	share := is.Breaker.AdmittedShare
	if is.Breaker.State == switchgear.HalfOpen && share > 0 && share != was.Breaker.AdmittedShare {
		return fmt.Sprintf("lets %.0f%% of its operations in", 100*share)
	}
	if is.Status != fleet.StatusDegraded || was.Status == fleet.StatusDegraded || is.Breaker.State != switchgear.Closed {
		return ""
	}
	for _, name := range is.Dependencies {
		if d := find(all, name); d != nil && (d.Status == fleet.StatusCircuitOpen || d.Status == fleet.StatusUnhealthy) {
			return "is degraded, for it depends on " + name
		}
	}
	return ""
}

func find(views []fleet.View, service string) *fleet.View {
	i := slices.IndexFunc(views, func(v fleet.View) bool { return v.Service == service })
	if i < 0 {
		return nil
	}
	return &views[i]
}

// rates are what happened to a service in the last second.
type rates struct{ succeeded, failed, rejected float64 }

func (b *board) rates(service string) rates {
	first, last := b.looks[0], b.looks[len(b.looks)-1]
	was, is := find(first.views, service), find(last.views, service)
	seconds := last.at.Sub(first.at).Seconds()
	if was == nil || is == nil || seconds <= 0 {
		return rates{}
	}
	o, p := is.Breaker.Operations, was.Breaker.Operations
	return rates{
		float64(o.Successful-p.Successful) / seconds,
		float64(o.Failed-p.Failed) / seconds,
		float64(o.Rejected-p.Rejected) / seconds,
	}
}

// print shows the lines that are new and, where wanted, the table.
func (b *board) print(now look, table bool) {
	for _, l := range b.latest {
		b.screen.print(l.String() + "\n")
	}
	b.latest = nil
	if table {
		b.screen.print("\n")
		for _, l := range b.table(b.screen, now) {
			b.screen.print(l + "\n")
		}
		b.screen.print("\n")
	}
}

// String is the line as text, without the letters that would move a terminal's
// cursor: a reason is whatever somebody has written.
func (l line) String() string {
	who := l.service
	if who == "" {
		who = "~"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, l.at.Local().Format(time.TimeOnly)+" "+who+" "+l.text)
}
