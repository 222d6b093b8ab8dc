package ws

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/view"
	"github.com/degenduel/switchgear/wire"
)

// truth is all that the manager told, in order.
type truth struct {
	mu      sync.Mutex
	changes []fact
}

type fact struct {
	seq     uint64
	service string
	event   bool
	removed bool
	layer   string
	known   bool   // the layer is: else a filter of layers may let the event through
	entry   []byte // of an update
}

func (tr *truth) record(t *testing.T, f *fixture) {
	t.Helper()
	layers := map[string]string{}
	seq, states, stop := f.fleet.Watch(func(c fleet.Change) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		switch {
		case c.Event != nil:
			layer, known := layers[c.Service]
			tr.changes = append(tr.changes, fact{
				seq: c.Seq, service: c.Service, event: true, layer: layer, known: known, removed: c.Event.Kind == fleet.EventRemoved,
			})
		case c.Removed:
			delete(layers, c.Service)
		case c.View != nil:
			e, err := view.Entry(c.View)
			if err != nil {
				t.Error(err)
			}
			doc, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			layers[c.Service] = e.Layer
			tr.changes = append(tr.changes, fact{seq: c.Seq, service: c.Service, layer: e.Layer, entry: doc})
		}
	})
	if seq != 0 || len(states) != 0 {
		t.Fatal("it had begun before it was recorded")
	}
	t.Cleanup(stop)
}

func (tr *truth) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.changes)
}

// at is the state of the services that a wish covers, at a seq.
func (tr *truth) at(seq uint64, w *wish) map[string]string {
	state := map[string]string{}
	for _, c := range tr.changes {
		switch {
		case c.seq > seq || !w.covers(c):
		case c.removed:
			delete(state, c.service)
		case !c.event:
			state[c.service] = string(c.entry)
		}
	}
	return state
}

// events are the seqs of the events in (after, to] that a wish covers, and those
// that it may.
func (tr *truth) events(after, to uint64, w *wish) (must, may []uint64) {
	for _, c := range tr.changes {
		switch {
		case !c.event || c.seq <= after || to < c.seq:
		case len(w.layers) > 0 && !c.known:
			may = append(may, c.seq)
		case w.covers(c):
			must = append(must, c.seq)
		}
	}
	return must, may
}

// wish is what a client subscribed to.
type wish struct{ services, layers []string }

func (w *wish) covers(c fact) bool {
	return (len(w.services) == 0 || slices.Contains(w.services, c.service)) &&
		(len(w.layers) == 0 || slices.Contains(w.layers, c.layer))
}

// segment is what a client saw from one place on.
type segment struct {
	wish    wish
	resumed uint64 // went on after it; 0: began with a state
	msgs    []msg
}

// viewer is a client that reads in its own way, and writes down what it saw.
type viewer struct {
	*testing.T

	fixture  *fixture
	truth    *truth
	rng      *rand.Rand
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
		query, current := "", &segment{}
		var asked []*segment // subscriptions that are not answered yet
		if v.resumable() && v.rng.IntN(3) > 0 {
			query = "?epoch=" + v.epoch + "&seq=" + number(v.last)
			current.resumed = v.last
		}
		p, err := v.fixture.connect(v.T, "viewer", query)
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
// had all services.
func (v *viewer) resumable() bool {
	if len(v.segments) == 0 {
		return false
	}
	w := &v.segments[len(v.segments)-1].wish
	return v.last > 0 && len(w.services)+len(w.layers) == 0
}

// subscribe asks for something else, or for the same again since where it is.
func (v *viewer) subscribe(p *peer, current *segment, settled bool) *segment {
	next, since := &segment{}, ""
	switch v.rng.IntN(4) {
	case 0:
		next.wish.services = []string{"s0", "s3"}
	case 1:
		next.wish.layers = []string{"odd"}
	case 2:
		if settled && len(current.msgs) > 0 {
			next.wish, next.resumed = current.wish, v.last
			since = `,"since":{"epoch":"` + v.epoch + `","seq":` + number(v.last) + `}`
		}
	}
	p.send(`{"type":"subscribe:services","services":` + string(marshal(p.T, listed(next.wish.services))) +
		`,"layers":` + string(marshal(p.T, listed(next.wish.layers))) + since + `}`)
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

// check compares what was seen with the truth.
func (v *viewer) check() (states, resumes, heartbeats int) {
	v.Helper()
	model := map[string]string{}
	for _, s := range v.segments {
		if len(s.msgs) == 0 {
			continue
		}
		var place uint64
		msgs := s.msgs
		if msgs[0].Type == wire.TypeServicesState {
			states++
			place = msgs[0].Seq
			model = map[string]string{}
			for len(msgs) > 0 && msgs[0].Type == wire.TypeServicesState {
				for _, e := range msgs[0].entries(v.T) {
					model[e.Service] = string(marshal(v.T, e))
				}
				msgs = msgs[1:]
			}
			v.same(place, model, &s.wish)
		} else {
			resumes++
			place = s.resumed
			if place == 0 {
				v.Fatalf("began with %s", msgs[0].raw)
			}
		}
		heartbeats += v.follow(place, msgs, model, &s.wish)
	}
	return states, resumes, heartbeats
}

func (v *viewer) follow(place uint64, msgs []msg, model map[string]string, w *wish) (heartbeats int) {
	v.Helper()
	var events []uint64
	last := place
	for _, m := range msgs {
		if m.Seq < last || m.Seq == last && m.Type != wire.TypeHeartbeat {
			v.Fatalf("after %d: %s", last, m.raw)
		}
		last = m.Seq
		switch m.Type {
		case wire.TypeServiceEvent:
			events = append(events, m.Seq)
			if m.Event.Kind == "removed" {
				delete(model, m.Event.Service)
			}
		case wire.TypeServiceUpdate:
			_, tail, _ := bytes.Cut(m.raw, []byte(`,"service":`))
			model[m.Service] = `{"service":` + string(tail)
		case wire.TypeHeartbeat:
			heartbeats++
			v.same(m.Seq, model, w)
		default:
			v.Fatalf("in the midst of changes: %s", m.raw)
		}
	}
	want, may := v.truth.events(place, last, w)
	events = slices.DeleteFunc(events, func(seq uint64) bool { return slices.Contains(may, seq) })
	if !slices.Equal(events, want) {
		v.Fatalf("%+v from %d to %d: events (-want +got)\n%s", *w, place, last, cmp.Diff(want, events))
	}
	return heartbeats
}

func (v *viewer) same(seq uint64, model map[string]string, w *wish) {
	v.Helper()
	want := v.truth.at(seq, w)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if model[name] != want[name] {
			v.Fatalf("at %d of %d %s is\n%s\nwant\n%s", seq, v.last, name, model[name], want[name])
		}
	}
	if len(model) != len(want) {
		v.Fatalf("at %d there are %v, want %v", seq, slices.Sorted(maps.Keys(model)), slices.Sorted(maps.Keys(want)))
	}
}

// trouble does what can be done to services, at random.
func trouble(ctx context.Context, m *fleet.Manager, rng *rand.Rand) {
	name := "s" + string(rune('0'+rng.IntN(8)))
	outcome := func(o switchgear.Outcome) {
		_, _ = m.Report(ctx, name, []fleet.Outcome{{Outcome: o, Duration: time.Millisecond, Error: "down"}})
	}
	switch rng.IntN(12) { // what cannot be done just now is not
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
	case 10:
		_, _, _ = m.Declare(ctx, name, service(name), alice)
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

// TestHistory_OfEveryClientIsTheTruth lets many clients watch at random while
// services are troubled at random. Whatever each saw is then compared with what
// the manager told: no gap, no repeat, never back in time; the state at every
// snapshot and at every heartbeat is the manager's at that seq.
func TestHistory_OfEveryClientIsTheTruth(t *testing.T) {
	t.Parallel()
	const clients, troublemakers, troubles = 16, 3, 1200
	f := start(t, Config{
		MessagesPerMinute: -1, KeptEvents: 100, HeartbeatInterval: 10 * time.Millisecond, PingInterval: time.Hour,
		PageSize: 4 << 10, WriteTimeout: time.Minute,
	})
	tr := &truth{}
	tr.record(t, f)
	for i := range 8 {
		name := "s" + string(rune('0'+i))
		if _, _, err := f.fleet.Declare(t.Context(), name, service(name), alice); err != nil {
			t.Fatal(err)
		}
	}
	var viewers []*viewer
	var ends []chan uint64
	var watching, troubling sync.WaitGroup
	for i := range clients {
		v := &viewer{T: t, fixture: f, truth: tr, rng: rand.New(rand.NewPCG(1, uint64(i))), slow: i%4 == 0}
		end := make(chan uint64, 1)
		viewers, ends = append(viewers, v), append(ends, end)
		watching.Go(func() { v.watch(end) })
	}
	for i := range troublemakers {
		troubling.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(i)))
			for range troubles {
				trouble(t.Context(), f.fleet, rng)
			}
		})
	}
	troubling.Wait()
	for _, end := range ends {
		end <- f.hub.at()
	}
	watching.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var states, resumes, heartbeats int
	for _, v := range viewers {
		s, r, h := v.check()
		states, resumes, heartbeats = states+s, resumes+r, heartbeats+h
	}
	t.Logf("%d changes; %d states, %d resumed, %d heartbeats compared", len(tr.changes), states, resumes, heartbeats)
}
