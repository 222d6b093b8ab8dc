package ws

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/server/internal/auth"
	"github.com/degenduel/switchgear/server/internal/socket"
)

// big is a manager with so many services of about 4 KiB each.
func big(services int) *watched {
	w := &watched{seq: 1}
	for _, name := range many(services) {
		w.states = append(w.states, fleet.View{Service: name, Description: strings.Repeat("x", 2<<10)})
	}
	return w
}

// served is a server of the manager, and of no real sockets.
func served(t *testing.T, w *watched, cfg Config) *Server {
	t.Helper()
	known, err := auth.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{Manager: w, Auth: known}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first has found, the second frees
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestSlowClients_DoNotKeepAStateEach has many clients that do not read ask for
// the state, each at a seq of its own: what they cost is far less than the state.
// When they read, each has all of the state at its seq.
func TestSlowClients_DoNotKeepAStateEach(t *testing.T) { //nolint:paralleltest // it measures the heap
	const services, clients, most = 2000, 20, 1 << 20
	w := big(services)
	s := served(t, w, Config{WriteTimeout: time.Hour, SnapshotTimeout: time.Hour})
	if _, err := s.snapshots.all(); err != nil { // by which every entry is encoded
		t.Fatal(err)
	}
	before := heap()
	var far []net.Conn
	var serving sync.WaitGroup
	for i := range clients {
		seq := w.seq + uint64(i) + 1
		w.tell(fleet.Change{Seq: seq, Service: "service_7", View: &fleet.View{Service: "service_7", Description: "at " + number(seq)}})
		near, conn := net.Pipe()
		c := newClient(s, auth.Identity{}, "")
		c.Take(near, nil)
		serving.Go(func() {
			if err := c.snapshot(); err != nil {
				t.Error(err)
			}
			_ = near.Close() // a pipe has no error
		})
		if _, err := conn.Read(make([]byte, 1)); err != nil { // the rest of the page waits
			t.Fatal(err)
		}
		far = append(far, conn)
	}
	if each := (int64(heap()) - int64(before)) / clients; each > most {
		t.Errorf("each slow client costs %d bytes, want %d at most", each, most)
	} else {
		t.Logf("each slow client costs %d bytes", each)
	}
	for i, conn := range far {
		seq := w.seq + uint64(i) + 1
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		pages := readPages(t, append([]byte{final | opText}, all...))
		for n, page := range pages {
			if want := `,"seq":` + number(seq) + `,"page":` + number(uint64(n)+1) + `,"pages":` + number(uint64(len(pages))) + `,`; !bytes.Contains(page, []byte(want)) {
				t.Fatalf("client %d: page %d is %.200s, want %s", i, n+1, page, want)
			}
		}
		whole := bytes.Join(pages, nil)
		if n := bytes.Count(whole, []byte(`{"service":`)); n != services || !bytes.Contains(whole, []byte(`"at `+number(seq)+`"`)) {
			t.Errorf("client %d: %d services at %d", i, n, seq)
		}
	}
	serving.Wait()
}

func readPages(t *testing.T, stream []byte) (pages [][]byte) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(stream)); ; {
		_, payload, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return pages
		}
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, payload)
	}
}

// TestState_IsTakenInTimeOrNotAtAll has a client read just so fast that no chunk
// of the state is late: it is closed with 1013 all the same when its time is up.
func TestState_IsTakenInTimeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pageSize int
		politely bool // between two pages, or when one has ended soon after
	}{
		"of small pages":  {24 << 10, true},
		"of a large page": {1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := served(t, big(2000), Config{PageSize: tt.pageSize, HeartbeatInterval: time.Hour})
				near, far := net.Pipe()
				c := newClient(s, auth.Identity{}, "")
				c.Take(near, bufio.NewReader(near))
				began := time.Now()
				var serving sync.WaitGroup
				s.serving.Add(1)
				serving.Go(func() {
					defer s.leave(c)
					c.run(t.Context())
				})
				said := dribble(far)
				serving.Wait()
				took := time.Since(began)
				ended, _, _ := c.Why()
				if ended != socket.CloseTryLater || took < time.Minute || took > time.Minute+socket.GraceTimeout+socket.EndTimeout+time.Second {
					t.Errorf("closed with %d after %v", ended, took)
				}
				if tt.politely != bytes.Contains(said, []byte(code(socket.CloseTryLater, ""))) {
					t.Errorf("it was told why: %v", !tt.politely)
				}
				_ = far.Close() // a pipe has no error
			})
		})
	}
}

// dribble takes 32 KiB every 2 s until there is no more, and returns the last of it.
func dribble(conn net.Conn) (last []byte) {
	b := make([]byte, socket.ChunkSize)
	for {
		n, err := io.ReadFull(conn, b)
		if err != nil {
			return append(last, b[:n]...)
		}
		last = append(last[:0], b...)
		time.Sleep(2 * time.Second)
	}
}
