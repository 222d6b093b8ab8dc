package ws

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/wire"
)

// viewer is a client that reads in its own way, and writes down what it saw.
type viewer struct {
	*testing.T

	fixture  *fixture
	truth    *truth
	rng      *rand.Rand
	role     string
	sees     func(string) bool
	slow     bool
	segments []*segment
	epoch    string
	last     uint64
}

// watch comes, reads, sometimes changes what it wants, goes and comes back,
// until it has everything up to the end, which it learns when there is one.
func (v *viewer) watch(end <-chan uint64) {
	final, ended := uint64(0), false
	for !ended || v.last < final {
		query, current := "", &segment{wish: wish{sees: v.sees}}
		var asked []*segment // subscriptions that are not answered yet
		if v.resumable() && v.rng.IntN(3) > 0 {
			query = "?epoch=" + v.epoch + "&seq=" + number(v.last)
			current.resumed = v.last
		}
		p, err := v.fixture.connect(v.T, v.role, query)
		if err != nil {
			v.Error(err)
			return
		}
		v.segments = append(v.segments, current)
		patience, paging := 1+v.rng.IntN(400), false
		for n := 0; !ended || v.last < final || paging; n++ {
			if n > patience && !ended && !paging {
				break // never in the midst of a state: that is no place to come back to
			}
			if n%97 == 96 && !ended {
				asked = append(asked, v.subscribe(p, current, !paging && len(asked) == 0))
			}
			if v.slow && n%50 == 49 {
				v.doze(&ended, &final, end)
			}
			m, err := p.read()
			if err != nil {
				v.Error(err)
				return
			}
			switch {
			case m.Type == wire.TypeConnectionStatus:
				v.epoch = m.Epoch
				continue
			case m.Type == wire.TypeSubscriptionSuccess:
				current, asked = asked[0], asked[1:]
				v.segments = append(v.segments, current)
				continue
			case m.Type == wire.TypeServicesState && m.Page == 1 && (len(current.msgs) > 0 || current.resumed > 0):
				current = &segment{wish: current.wish}
				v.segments = append(v.segments, current)
			}
			current.msgs = append(current.msgs, m)
			v.last, paging = m.Seq, m.Page < m.Pages
			select {
			case final = <-end:
				ended = true
			default:
			}
		}
		_ = p.conn.CloseNow()
	}
}

// resumable reports whether the client can say in a handshake where it was: it
// had all that it may see.
func (v *viewer) resumable() bool {
	if len(v.segments) == 0 {
		return false
	}
	last := v.segments[len(v.segments)-1]
	return last.wish.all() && (last.resumed > 0 || len(last.msgs) > 0) // its state has come
}

// subscribe asks for something else, or for the same or less since where it is.
func (v *viewer) subscribe(p *peer, current *segment, settled bool) *segment {
	next, since := &segment{wish: wish{sees: v.sees}}, ""
	switch v.rng.IntN(5) {
	case 0:
		next.wish.services = []string{"s0", "s3", "gone"}
	case 1:
		next.wish.layers = []string{"odd"}
	case 2:
		next.wish.statuses = []string{"circuit_open", "degraded"}
	case 3:
		next.wish.layers, next.wish.statuses = []string{"even", "none"}, []string{"healthy", "unknown"}
	}
	if settled && len(current.msgs) > 0 && v.rng.IntN(2) == 0 {
		if !current.wish.all() {
			next.wish = current.wish
		}
		next.resumed = v.last
		since = `,"since":{"epoch":"` + v.epoch + `","seq":` + number(v.last) + `}`
	}
	list := func(names []string) string { return string(marshal(p.T, listed(names))) }
	p.send(`{"type":"subscribe:services","services":` + list(next.wish.services) + `,"layers":` + list(next.wish.layers) +
		`,"statuses":` + list(next.wish.statuses) + since + `}`)
	return next
}

// doze reads nothing while many changes come.
func (v *viewer) doze(ended *bool, final *uint64, end <-chan uint64) {
	began := v.truth.count()
	eventually(v.T, "changes", func() bool {
		select {
		case *final = <-end:
			*ended = true
		default:
		}
		return *ended || v.truth.count() > began+400
	})
}

// trouble does what can be done to services, at random.
func trouble(ctx context.Context, m *fleet.Manager, rng *rand.Rand) {
	name := "s" + string(rune('0'+rng.IntN(8)))
	outcome := func(o switchgear.Outcome) {
		_, _ = m.Report(ctx, name, []fleet.Outcome{{Outcome: o, Duration: time.Millisecond, Error: "down"}})
	}
	switch rng.IntN(13) { // what cannot be done just now is not
	case 0, 1, 2, 3:
		outcome(switchgear.Failure)
	case 4:
		outcome(switchgear.Success)
	case 5, 6:
		_, _ = m.Reset(ctx, name, switchgear.Closed, alice)
	case 7:
		_, _ = m.Reset(ctx, name, switchgear.HalfOpen, alice)
	case 8:
		_, _ = m.Override(ctx, name, switchgear.ForcedOpen, time.Minute, alice)
	case 9:
		_, _ = m.EndOverride(ctx, name, alice)
	case 10, 11:
		s := service(name)
		if rng.IntN(2) == 0 { // it moves to another layer
			s.Layer = []string{"odd", "even", "none"}[rng.IntN(3)]
		}
		_, _, _ = m.Declare(ctx, name, s, alice)
	default:
		_ = m.Remove(ctx, name, alice)
	}
}

func service(name string) config.Service {
	s := config.Service{Config: switchgear.Config{FailureThreshold: 2, HealthCheckInterval: -1}, Layer: "even"}
	if name[1]%2 == 1 {
		s.Layer = "odd"
	}
	if name != "s0" {
		s.Dependencies = []string{"s0"}
	}
	return s
}

// TestHistory_OfEveryClientIsTheTruth lets many clients watch at random, with
// all kinds of filters and tokens, while services are troubled at random.
// Whatever each saw is then compared with what the manager told: no gap, no
// repeat, never back in time, nothing that it did not ask for or may not see; the
// state at every snapshot and at every heartbeat is the manager's at that seq.
// At last faults are put into what they saw, to see that they are found.
func TestHistory_OfEveryClientIsTheTruth(t *testing.T) {
	t.Parallel()
	tr, viewers := history(t, start(t, historyConfig), 18, 1200, func(int) {}, func() {})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.judge(t, viewers)
	for name, plant := range faults {
		found := 0
		for i := range viewers {
			if segments, planted := plant(viewers[i].segments); planted {
				if _, err := check(tr, segments); err != nil {
					found++
				} else {
					t.Errorf("client %d: %s: not found", i, name)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s: nowhere to plant it", name)
		}
	}
}

// historyConfig makes clients slow, pages many, and places void.
var historyConfig = Config{
	MessagesPerMinute: -1, KeptEvents: 100, HeartbeatInterval: 10 * time.Millisecond, PingInterval: time.Hour,
	PageSize: 4 << 10, WriteTimeout: time.Minute,
}

// history lets so many clients watch while three troublemakers do so many things
// each, and pause after each, and returns what the manager told, and what they
// saw, up to what was told when all had settled.
func history(
	t *testing.T, f *fixture, clients, troubles int, pause func(done int), settle func(),
) (*truth, []*viewer) {
	t.Helper()
	if err := f.auth.Set(limitedTo(t, "s0", "s2*", "*3", "s7")); err != nil {
		t.Fatal(err)
	}
	limited, _ := f.auth.Token(secrets["viewer"])
	tr := &truth{}
	tr.record(t, f)
	for i := range 8 {
		name := "s" + string(rune('0'+i))
		eventually(t, "the service "+name, func() bool {
			_, _, err := f.fleet.Declare(t.Context(), name, service(name), alice)
			return err == nil
		})
	}
	var viewers []*viewer
	var ends []chan uint64
	var watching, troubling sync.WaitGroup
	for i := range clients {
		v := &viewer{T: t, fixture: f, truth: tr, rng: rand.New(rand.NewPCG(1, uint64(i))), slow: i%4 == 0, role: "admin"}
		if i%3 == 0 {
			v.role, v.sees = "viewer", limited.Sees
		}
		end := make(chan uint64, 1)
		viewers, ends = append(viewers, v), append(ends, end)
		watching.Go(func() { v.watch(end) })
	}
	for i := range 3 {
		troubling.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(i)))
			for done := range troubles {
				trouble(t.Context(), f.fleet, rng)
				pause(done + 1)
			}
		})
	}
	troubling.Wait()
	settle()
	for _, end := range ends {
		end <- f.hub.at()
	}
	watching.Wait()
	return tr, viewers
}

// judge compares what every client saw with the truth. The mutex is held.
func (tr *truth) judge(t *testing.T, viewers []*viewer) {
	t.Helper()
	var sum judgement
	for i, v := range viewers {
		j, err := check(tr, v.segments)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		sum.states, sum.resumes, sum.heartbeats, sum.left = sum.states+j.states, sum.resumes+j.resumes, sum.heartbeats+j.heartbeats, sum.left+j.left
	}
	t.Logf("%d changes; %d states, %d resumed, %d heartbeats compared, %d services left a filter",
		len(tr.changes), sum.states, sum.resumes, sum.heartbeats, sum.left)
}

// edit is a copy of what was seen, with one message of the type, which is
// followed by a heartbeat, replaced by others.
func edit(segments []*segment, kind string, how func(before, m msg) []msg) ([]*segment, bool) {
	for i, s := range segments {
		if len(s.wish.layers) > 0 {
			continue // where some events may be told, and need not
		}
		for n := len(s.msgs) / 2; n > 0 && n+1 < len(s.msgs); n++ {
			last := s.msgs[len(s.msgs)-1]
			if s.msgs[n].Type != kind || last.Type != wire.TypeHeartbeat || s.msgs[n-1].Type == wire.TypeServicesState {
				continue
			}
			copied := *s
			copied.msgs = slices.Concat(s.msgs[:n], how(s.msgs[n-1], s.msgs[n]), s.msgs[n+1:])
			all := slices.Clone(segments)
			all[i] = &copied
			return all, true
		}
	}
	return nil, false
}

// faults are what a stream must never do.
var faults = map[string]func([]*segment) ([]*segment, bool){
	"an event is lost": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceEvent, func(msg, msg) []msg { return nil })
	},
	"an event comes twice": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceEvent, func(_, m msg) []msg { return []msg{m, m} })
	},
	"an update comes twice": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceUpdate, func(_, m msg) []msg { return []msg{m, m} })
	},
	"an update goes back in time": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceUpdate, func(_, m msg) []msg {
			m.Seq = 1
			return []msg{m}
		})
	},
	"a heartbeat promises too much": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceEvent, func(_, m msg) []msg {
			m.Type = wire.TypeHeartbeat
			return []msg{m}
		})
	},
	"an update of a service that is not there": func(s []*segment) ([]*segment, bool) {
		return edit(s, wire.TypeServiceUpdate, func(_, m msg) []msg {
			m.raw = []byte(strings.Replace(string(m.raw), `"service":"s`, `"service":"x`, 1))
			m.Service = "x" + m.Service[1:]
			return []msg{m}
		})
	},
	"an entry is not what it was": func(s []*segment) ([]*segment, bool) {
		for i, one := range s {
			if len(one.msgs) > 0 && one.msgs[0].Type == wire.TypeServicesState && len(one.msgs[0].Services) > 2 {
				copied := *one
				copied.msgs = slices.Clone(one.msgs)
				copied.msgs[0].Services = []byte(strings.Replace(string(copied.msgs[0].Services), `"failures":`, `"failures":1`, 1))
				all := slices.Clone(s)
				all[i] = &copied
				return all, true
			}
		}
		return nil, false
	},
}
