package ws

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

func TestPromiseD_ASlowClientIsCutAndDelaysNobody(t *testing.T) {
	t.Parallel()
	f := start(t, Config{WriteTimeout: 500 * time.Millisecond}, append(many(200), "prices")...)
	fast, _, _ := f.join(t, "viewer")
	conn, r := f.raw(t) // and it reads nothing
	eventually(t, "both clients", func() bool { return f.Clients() == 2 })
	cycles := 0
	for f.Clients() == 2 {
		f.open(t, "prices")
		if e := fast.find(wire.TypeServiceEvent); *e.Event.To != "open" {
			t.Fatalf("got %s", e.raw)
		}
		f.reset(t, "prices")
		fast.find(wire.TypeServiceEvent)
		fast.find(wire.TypeServiceEvent)
		cycles++
	}
	t.Logf("cut after %d cycles", cycles)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for { // what was on its way, and then the end
		if _, err := r.Discard(1); err != nil {
			break
		}
	}
	fast.send(`{"type":"ping"}`)
	fast.find(wire.TypePong)
}

func TestPromiseD_ASlowClientIsToldWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout = 5 * time.Second
		s := served(t, big(100), Config{WriteTimeout: timeout, HeartbeatInterval: time.Hour})
		near, far := net.Pipe()
		c := newClient(s, auth.Identity{}, "")
		c.Take(near, bufio.NewReader(near))
		var serving sync.WaitGroup
		s.serving.Add(1)
		serving.Go(func() {
			defer s.leave(c)
			c.run(t.Context())
		})
		time.Sleep(timeout + time.Second) // what it is sent first is under way for too long, but is not cut
		var payload []byte
		for op := byte(0); op != opClose; {
			var err error
			if op, payload, err = readFrame(far); err != nil {
				t.Fatal(err)
			}
		}
		_ = far.Close() // a pipe has no error
		serving.Wait()
		if string(payload) != code(1013, "too slow") {
			t.Errorf("closed with %q, want 1013", payload)
		}
	})
}

func TestPromiseD_WhoWouldLoseEventsIsGivenAFreshState(t *testing.T) {
	t.Parallel()
	const kept = 16
	f := start(t, Config{WriteTimeout: time.Hour, KeptEvents: kept, HeartbeatInterval: time.Hour, PageSize: 1 << 10}, append(many(400), "prices")...)
	p := f.dial(t, "viewer", "")
	p.want(wire.TypeConnectionStatus)
	first := p.want(wire.TypeServicesState)
	// It does not read on, and the pages do not fit into the buffers: the writer
	// is in the midst of them while more events come than are kept.
	for range kept {
		f.open(t, "prices")
		f.reset(t, "prices")
	}
	for range first.Pages - 1 {
		if m := p.want(wire.TypeServicesState); m.Seq != first.Seq {
			t.Fatalf("a page of %d among those of %d", m.Seq, first.Seq)
		}
	}
	if m := p.want(wire.TypeServicesState); m.Seq <= first.Seq || m.Page != 1 {
		t.Errorf("page %d of a state at %d after one at %d", m.Page, m.Seq, first.Seq)
	}
}

func TestPromiseD_WhoNeverCatchesUpIsGivenUp(t *testing.T) {
	t.Parallel()
	w := &watched{}
	known, err := auth.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{Manager: w, Auth: known}, Config{KeptEvents: 1})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, far) })
	defer reading.Wait()
	defer near.Close() //nolint:errcheck // a pipe has none
	c := newClient(s, auth.Identity{}, "")
	c.Take(near, nil)
	seq, snapshots := uint64(0), 0
	follow := func() error {
		for range 2 { // one more than is kept
			seq++
			w.tell(fleet.Change{Seq: seq, Service: "prices", Event: &fleet.Event{Seq: seq, Service: "prices"}})
		}
		if !c.placed {
			snapshots++
		}
		_, err := c.follow(make([]*record, 0, batch))
		return err
	}
	for err == nil && snapshots < 10 {
		err = follow()
	}
	if !errors.Is(err, socket.ErrSlow) || snapshots != 1+maxVoid {
		t.Errorf("after %d snapshots: %v", snapshots, err)
	}
}

func TestDeadClient_IsNoticedAndTold(t *testing.T) {
	t.Parallel()
	f := start(t, Config{
		HeartbeatInterval: 10 * time.Millisecond, PingInterval: 50 * time.Millisecond, PongTimeout: 200 * time.Millisecond,
	})
	_, r := f.raw(t) // it reads, but answers no ping
	live := f.dial(t, "viewer", "")
	ended := make(chan struct{})
	var heard []byte
	go func() {
		defer close(ended)
		heard, _ = io.ReadAll(r) // its error is the end, too
	}()
	for alive := true; alive; {
		live.next() // and so answers
		select {
		case <-ended:
			alive = false
		default:
		}
	}
	for range 20 {
		live.next()
	}
	if told := append([]byte{fClose, 9, 0x03, 0xe9}, "no pong"...); !bytes.Contains(heard, told) {
		t.Errorf("it was told %q, want a close frame of 1001", heard)
	}
	if !strings.Contains(f.log.String(), "code=1001") {
		t.Errorf("the log does not say so: %s", f.log)
	}
}

func many(n int) []string {
	var list []string
	for i := range n {
		list = append(list, "service_"+number(uint64(i)))
	}
	return list
}
