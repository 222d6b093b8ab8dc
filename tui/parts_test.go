package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/client"
	"github.com/degenduel/switchgear/wire"
)

func TestFeed_HandsOnEachServiceOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		var got []*news
		go func() {
			f.pump(ctx, func(n *news) { got = append(got, n) })
			close(ended)
		}()
		for i := range 1_000 { // ten seconds of storm
			e := service("a", measured(uint64(i), 0, 1))
			f.tell(client.Update{Live: true, Changed: []wire.Entry{e}})
			time.Sleep(10 * time.Millisecond)
		}
		stop()
		<-ended
		if len(got) < 90 || len(got) > 101 {
			t.Errorf("news was handed on %d times in 10 s, want about 100 times", len(got))
		}
		if last := got[len(got)-1]; last.changed["a"].Operations.Total < 980 {
			t.Errorf("the last news has the total %d, want one of the last", last.changed["a"].Operations.Total)
		}
	})
}

func TestFeed_TellsWhatTheStreamToldInItsOrder(t *testing.T) {
	t.Parallel()
	f := newFeed(func() time.Time { return testNow })
	removed := func(name string) client.Update {
		return client.Update{Live: true, Event: &wire.Event{Service: name, Kind: "removed"}}
	}
	f.tell(client.Update{Live: true, Whole: true, Changed: []wire.Entry{service("a"), service("b")}})
	f.tell(removed("a"))
	f.tell(client.Update{Live: true, Changed: []wire.Entry{service("c"), service("d")}})
	f.tell(removed("c"))
	f.tell(client.Update{Live: true, Changed: []wire.Entry{service("c")}})
	f.tell(client.Update{Err: errors.New("lost")})
	f.tell(client.Update{Live: true}) // the greeting of the next connection
	n := f.pending
	var names []string
	for _, name := range []string{"a", "b", "c", "d"} {
		if n.changed[name] != nil {
			names = append(names, name)
		}
	}
	if strings.Join(names, "") != "bcd" || !n.removed["a"] || n.removed["c"] || !n.whole || !n.live || n.lostAt.IsZero() || n.caughtUp {
		t.Errorf("the news is %+v, with the services %q", n, names)
	}
	f.tell(client.Update{Live: true}) // a heartbeat
	if !f.pending.caughtUp {
		t.Error("a heartbeat does not say that everything has been told")
	}
	for range eventsHeld + 1 {
		f.tell(client.Update{Live: true, Event: &wire.Event{Kind: "reset"}})
	}
	if !f.pending.lossy || len(f.pending.events) != eventsHeld {
		t.Errorf("%d events are held, want %d and that some are lost", len(f.pending.events), eventsHeld)
	}
}

func TestRing_CountsWhatEndedWhen(t *testing.T) {
	t.Parallel()
	r := new(ring)
	start := testNow
	r.push(start, time.Time{}, 100, 0, 0)
	for i := range 30 {
		r.push(start.Add(time.Duration(i+1)*2*time.Second), time.Time{}, uint64(100+20*(i+1)), uint64(i+1), 0)
	}
	now := start.Add(time.Minute)
	if c := r.rate(now, 10*time.Second); c.successful < 9 || c.successful > 12.5 || c.failed < 0.4 {
		t.Errorf("the rate is %+v, want about 10 and 0.5 a second", c)
	}
	r.push(now.Add(time.Second), time.Time{}, 5, 0, 0) // it has begun anew
	if c := r.rate(now.Add(time.Second), 2*time.Second); c.successful > 20 {
		t.Errorf("the rate after counts began anew is %+v", c)
	}
	r.push(now.Add(101*time.Second), now.Add(time.Second), 1_005, 0, 0) // nobody listened for 100 s
	if c := r.rate(now.Add(60*time.Second), 20*time.Second); c.successful < 8 || c.successful > 12 {
		t.Errorf("what was missed is not spread over the time: %+v", c)
	}
	r = new(ring)
	r.push(start, time.Time{}, 0, 0, 0)
	r.seed(start.Add(-20*time.Second), 10*time.Second, counts{successful: 50})
	r.seed(start.Add(-5*time.Second), 10*time.Second, counts{successful: 50}) // half of it is known
	r.seeded = true
	if total := r.rate(start, 30*time.Second).successful * 28; total < 70 || total > 85 {
		t.Errorf("%v operations were seeded, want about 75", total)
	}
	if c := r.rate(start.Add(time.Hour), time.Minute); c != (counts{}) {
		t.Errorf("an hour later the rate is %+v", c)
	}
}

func TestSpark_TellsFailuresWithoutColour(t *testing.T) {
	t.Parallel()
	bars := []counts{{}, {successful: 8}, {successful: 4}, {successful: 99, failed: 1}, {failed: 100}, {successful: 1, failed: 1}, {rejected: 9}}
	if got, want := spark(newPalette(false), bars), " ▁▁█▓░·"; decoration.ReplaceAllString(got, "") != want {
		t.Errorf("the bars are %q, want %q", got, want)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	got := []string{
		share(0), share(0.0004), share(0.012), share(0.5), share(0.996), share(1),
		perSecond(0), perSecond(0.01), perSecond(2.34), perSecond(1234), quantity(999.6), quantity(2_500_000),
		millis(0), millis(0.01), millis(0.42), millis(3.21), millis(999.7), millis(1250), millis(125_000),
		span(59*time.Second + 600*time.Millisecond), span(3*time.Hour + 5*time.Minute), span(50 * time.Hour), left(at(1500*time.Millisecond).Time, testNow), left(testNow, testNow),
	}
	want := []string{
		"0%", "<0.1%", "1.2%", "50%", ">99%", "100%",
		"0/s", "<0.1/s", "2.3/s", "1.2k/s", "1.0k", "2.5M",
		"–", "0.1ms", "0.4ms", "3.2ms", "1.0s", "1.2s", "2m05s",
		"1m00s", "3h05m", "2d2h", "2s", "now",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpanFrom_ReadsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, " 1h 30m ": 90 * time.Minute, "45 s": 45 * time.Second, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour,
		"": 0, "10": 0, "m": 0, "1h x": 0, "-5m": 0, "99999999999d": 0,
	} {
		if got := spanFrom(text); got != want {
			t.Errorf("spanFrom(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestText_FitsWhateverItIs(t *testing.T) {
	t.Parallel()
	for _, text := range append(slices.Clone(hostile), "", "plain", strings.Repeat("支", 50), strings.Repeat("word ", 40), "🇩🇪🇫🇷👍🏽", "각각", "1⃣2⃣", "क्षिक्षि") {
		seen := visible(text)
		for columns := range 30 {
			if w := width(cut(seen, columns)); w > columns {
				t.Errorf("cut(%q, %d) has %d columns", seen, columns, w)
			}
			if w := width(pad(seen, columns)); w != columns {
				t.Errorf("pad(%q, %d) has %d columns", seen, columns, w)
			}
			lines := wrap(seen, columns+1)
			for _, line := range lines {
				if w := width(line); w > columns+1 {
					t.Errorf("wrap(%q, %d) has a line of %d columns", seen, columns+1, w)
				}
			}
			letters := strings.Join(strings.Fields(seen), "")
			if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); columns > 0 && got != letters {
				t.Errorf("wrap(%q, %d) tells %q", seen, columns+1, got)
			}
		}
	}
}
