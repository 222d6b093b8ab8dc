package agents

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/server/internal/socket"
)

// TestLedger_AcknowledgesOnlyWhatIsStored compares it with what it stands for: an
// acknowledgement covers all up to its ID, and of each service the transitions
// that came last up to there are stored.
func TestLedger_AcknowledgesOnlyWhatIsStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l ledger
		type sent struct {
			service         string
			settled, stored bool
		}
		all := []sent{{settled: true, stored: true}} // by ID, from 1
		acknowledged := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var open []uint64
			for id := range all {
				if !all[id].settled {
					open = append(open, uint64(id))
				}
			}
			if len(open) == 0 || rapid.Bool().Draw(t, "begin") {
				id := uint64(len(all))
				s := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "service")
				all = append(all, sent{service: s})
				l.begin(id, s)
				continue
			}
			id := rapid.SampledFrom(open).Draw(t, "id")
			stored := all[id].service == "" || rapid.Bool().Draw(t, "stored")
			all[id].settled, all[id].stored = true, stored
			upTo := l.settle(id, stored)
			if upTo == 0 {
				continue
			}
			if upTo <= acknowledged {
				t.Fatalf("%d is acknowledged after %d", upTo, acknowledged)
			}
			acknowledged = upTo
			last := make(map[string]bool)
			for _, s := range all[:upTo+1] {
				if !s.settled {
					t.Fatalf("%d is acknowledged, and something before it is not known", upTo)
				}
				last[s.service] = s.stored
			}
			for service, stored := range last {
				if !stored {
					t.Fatalf("%d is acknowledged, and the last of %q is not stored", upTo, service)
				}
			}
		}
	})
}

func TestPace_TakesABurstAndThenARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pace{every: 5 * time.Millisecond, burst: 1000}
		began := time.Now()
		for i := range 3000 {
			time.Sleep(p.next(time.Now()))
			if i == 999 && time.Since(began) != 0 {
				t.Errorf("the burst took %v", time.Since(began))
			}
		}
		if took := time.Since(began); took != 2000*5*time.Millisecond {
			t.Errorf("3000 messages took %v", took)
		}
		time.Sleep(time.Hour)
		if wait := p.next(time.Now()); wait != 0 {
			t.Errorf("after an hour one waits %v", wait)
		}
	})
}

func TestOutbox_SendsOrdersAfterTheAnswerToTheJoin(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	say := func(text string) socket.Frame { return socket.Seal(append(socket.NewFrame(1), text...)) }
	o.answer(say("a"))
	o.hold()
	if !o.order(say("c")) || !o.order(say("d")) {
		t.Error("there is room")
	}
	o.acknowledge(3)
	o.acknowledge(2)
	o.answer(say("b"))
	o.release()
	o.order(say("e"))
	frames, err := o.take()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range frames {
		got = append(got, string(f[2:]))
	}
	if text := strings.Join(got, ""); !strings.HasPrefix(text, `abcde{"type":"agent:ack"`) || !strings.HasSuffix(text, `"id":3}`) {
		t.Errorf("it took %s", text)
	}
	for range maxAnswers {
		o.answer(say("x"))
	}
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		o.answer(say("y"))
	}()
	o.close()
	<-waits // and does not wait for ever
	if o.order(say("z")) {
		t.Error("a closed one takes orders")
	}
}
