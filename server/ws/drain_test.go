package ws

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswers_ComeBeforeTheCloseFrame has a client send messages and then what it
// is closed for, while the writer is busy with the state: the messages are
// answered, in order, and then it is told why.
func TestAnswers_ComeBeforeTheCloseFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := quiet(t, Config{HeartbeatInterval: time.Hour}, "viewer")
		id, ok := s.auth.Token(secrets["viewer"])
		if !ok {
			t.Fatal("no such token")
		}
		near, far := net.Pipe()
		c := newClient(s, id, "")
		c.account = &account{}
		c.Take(near, bufio.NewReader(near))
		var serving sync.WaitGroup
		s.serving.Add(1)
		serving.Go(func() {
			defer s.leave(c)
			c.run(t.Context())
		})
		var sent []byte
		for _, text := range []string{"a", "b", "c"} {
			sent = append(sent, fr(fText, echo(text))...)
		}
		if _, err := far.Write(append(sent, fr(final|0xb, "")...)); err != nil { // a reserved opcode
			t.Fatal(err)
		}
		synctest.Wait() // nothing was read yet
		var got []string
		for op := byte(0); op != opClose; {
			var payload []byte
			var err error
			if op, payload, err = readFrame(far); err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			if said := spoken(t, op, payload); said != "" {
				got = append(got, said)
			}
		}
		_ = far.Close() // a pipe has no error
		serving.Wait()
		if want := []string{"echo=a", "echo=b", "echo=c", "close=1002"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
