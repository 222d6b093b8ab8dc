package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/degenduel/switchgear/fleet"
)

// seriesTrial is a test, and the store that is tried in it.
type seriesTrial struct {
	trial

	fleet.SeriesStore
}

// RunSeries tests the laws of [fleet.SeriesStore] on stores that are also that.
// open is as that of [Run].
func RunSeries(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	for _, l := range seriesLaws {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			series, ok := store.(fleet.SeriesStore)
			if !ok {
				t.Fatalf("a %T keeps no series", store)
			}
			l.hold(seriesTrial{trial{t, store}, series})
		})
	}
}

// second is base and so many seconds, without a part of one.
func second(n int) time.Time { return base.Truncate(time.Second).Add(time.Duration(n) * time.Second) }

func chunk(service string, start int, points string) fleet.SeriesChunk {
	return fleet.SeriesChunk{Service: service, Step: time.Second, Start: second(start), End: second(start + 10), Points: []byte(points)}
}

func (x seriesTrial) put(chunks ...fleet.SeriesChunk) {
	x.Helper()
	if err := x.PutSeries(x.Context(), chunks); err != nil {
		x.Fatalf("PutSeries: %v", err)
	}
}

func (x seriesTrial) of(service string, step time.Duration, from, to time.Time) []fleet.SeriesChunk {
	x.Helper()
	found, err := x.Series(x.Context(), fleet.SeriesQuery{Service: service, Step: step, From: from, To: to})
	if err != nil {
		x.Fatalf("Series(%q, %v, %v, %v): %v", service, step, from, to, err)
	}
	return found
}

func (x seriesTrial) wantOf(service string, from, to time.Time, starts ...int) {
	x.Helper()
	got := make([]int, 0, 4)
	for _, c := range x.of(service, time.Second, from, to) {
		got = append(got, int(c.Start.Sub(second(0))/time.Second))
	}
	if !slices.Equal(got, starts) {
		x.Errorf("of %q from %v to %v there are chunks from %v, want %v", service, from, to, got, starts)
	}
}

func (x seriesTrial) stateAt(at time.Time) []fleet.StateAt {
	x.Helper()
	found, err := x.StateAt(x.Context(), at, fleet.Which{})
	if err != nil {
		x.Fatalf("StateAt(%v): %v", at, err)
	}
	return found
}

// chunks are the ways in which chunks that come back may differ.
var sameChunks = cmp.Options{
	cmp.FilterValues(func(a, b []fleet.SeriesChunk) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.FilterValues(func(a, b []byte) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore()),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
}

var seriesLaws = []struct {
	name string
	hold func(x seriesTrial)
}{
	{"ChunksComeBackAsTheyWere", func(x seriesTrial) {
		all := []fleet.SeriesChunk{
			chunk("a", 0, "\x00\xff\x00one"), chunk("a", 10, ""),
			{Service: "a", Step: time.Minute, Start: second(0).Truncate(time.Minute), End: second(3600), Points: []byte("coarse")},
			{Service: "", Step: time.Second, Start: second(0), End: second(10), Points: []byte("ran")},
		}
		x.put(all...)
		if diff := cmp.Diff(all[:2], x.of("a", time.Second, second(0), second(100)), sameChunks); diff != "" {
			x.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(all[2:3], x.of("a", time.Minute, second(0), second(100)), sameChunks); diff != "" {
			x.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(all[3:], x.of("", time.Second, second(0), second(100)), sameChunks); diff != "" {
			x.Errorf("(-want +got)\n%s", diff)
		}
	}},
	{"AChunkIsWrittenOver", func(x seriesTrial) {
		x.put(chunk("a", 0, "one"), chunk("b", 0, "other"))
		longer := chunk("a", 0, "one two")
		longer.End = second(20)
		x.put(longer)
		got := x.of("a", time.Second, second(0), second(100))
		if diff := cmp.Diff([]fleet.SeriesChunk{longer}, got, sameChunks); diff != "" {
			x.Errorf("(-want +got)\n%s", diff)
		}
	}},
	{"OfTwoThatAreOneTheLaterStands", func(x seriesTrial) {
		x.put(chunk("a", 0, "one"), chunk("a", 0, "two"))
		if got := x.of("a", time.Second, second(0), second(1)); len(got) != 1 || string(got[0].Points) != "two" {
			x.Errorf("%q", got)
		}
	}},
	{"TheNewestBeforeTheRangeComesWithIt", func(x seriesTrial) {
		x.put(chunk("a", 0, "1"), chunk("a", 10, "2"), chunk("a", 20, "3"), chunk("b", 12, "4"))
		x.wantOf("a", second(15), second(21), 10, 20)
		x.wantOf("a", second(20), second(21), 20)
		x.wantOf("a", second(15), second(20), 10)
		x.wantOf("a", second(15), second(20).Add(time.Millisecond), 10, 20)
		x.wantOf("a", second(10).Add(-time.Millisecond), second(11), 0, 10)
		x.wantOf("a", second(500), second(501), 20)
		x.wantOf("a", second(-10), second(5), 0)
		x.wantOf("a", second(-10), second(0))
		x.wantOf("nobody", second(0), second(100))
	}},
	{"ABadChunkRefusesAll", func(x seriesTrial) {
		for _, bad := range []fleet.SeriesChunk{
			{Service: "a", Step: time.Millisecond, Start: second(0), End: second(1)},
			{Service: "a", Step: time.Second, Start: second(0).Add(1), End: second(1)},
			{Service: "a", Step: time.Second, Start: second(0), End: second(1).Add(1)},
			{Service: "a", Start: second(0), End: second(1)},
		} {
			x.wantKind(x.PutSeries(x.Context(), []fleet.SeriesChunk{chunk("a", 0, "good"), bad}), fleet.Invalid)
		}
		x.wantOf("a", second(0), second(100))
		_, err := x.Series(x.Context(), fleet.SeriesQuery{Service: "a"})
		x.wantKind(err, fleet.Invalid)
		_, err = x.SeriesAt(x.Context(), 1500*time.Millisecond, base, fleet.Which{})
		x.wantKind(err, fleet.Invalid)
		_, err = x.TrimSeries(x.Context(), 0, base, 1)
		x.wantKind(err, fleet.Invalid)
	}},
	{"SeriesAtIsTheNewestOfEach", func(x seriesTrial) {
		x.put(chunk("a", 0, "1"), chunk("a", 10, "2"), chunk("b", 5, "3"), chunk("c", 50, "4"))
		for at, want := range map[int][]string{-1: nil, 0: {"1"}, 9: {"1", "3"}, 10: {"2", "3"}, 99: {"2", "3", "4"}} {
			found, err := x.SeriesAt(x.Context(), time.Second, second(at), fleet.Which{})
			if err != nil {
				x.Fatal(err)
			}
			var got []string
			for _, c := range found {
				got = append(got, string(c.Points))
			}
			if !slices.Equal(got, want) {
				x.Errorf("at %d: %v, want %v", at, got, want)
			}
		}
	}},
	{"TrimRemovesTheOldestOfAStep", func(x seriesTrial) {
		coarse := chunk("a", 0, "coarse")
		coarse.Step = time.Minute
		x.put(chunk("a", 0, "1"), chunk("b", 5, "2"), chunk("a", 10, "3"), chunk("a", 20, "4"), coarse)
		trim := func(before time.Time, limit, want int) {
			if n, err := x.TrimSeries(x.Context(), time.Second, before, limit); err != nil || n != want {
				x.Errorf("TrimSeries(%v, %d) = %d, %v; want %d", before, limit, n, err, want)
			}
		}
		trim(second(0), 10, 0)
		trim(second(100), 0, 0)
		trim(second(20), 2, 2)
		x.wantOf("a", second(0), second(100), 10, 20)
		x.wantOf("b", second(0), second(100))
		trim(second(20), 2, 1)
		trim(second(20), 2, 0)
		x.wantOf("a", second(0), second(100), 20)
		if got := x.of("a", time.Minute, second(0), second(100)); len(got) != 1 {
			x.Errorf("the other step has %d chunks", len(got))
		}
	}},
	{"StateAtHasWhatMadeTheState", func(x seriesTrial) {
		opening := event(2, "a", fleet.EventTransition, after(2))
		half := event(3, "a", fleet.EventTransition, after(3))
		half.From, half.To = "open", "half_open"
		b := x.commit(fleet.Batch{
			Events: []fleet.Event{
				event(1, "a", fleet.EventRegistered, after(0)), opening, half,
				event(4, "a", fleet.EventReset, after(3)), event(5, "b", fleet.EventRegistered, after(4)),
				event(6, "a", fleet.EventRemoved, after(5)),
			},
			Configs: []fleet.ConfigVersion{config("a", 1), config("a", 2), config("a", 3)},
		})
		e, c := b.Events, b.Configs
		none := fleet.ConfigVersion{}
		for at, want := range map[time.Time][]fleet.StateAt{
			after(-1):                      nil,
			after(0):                       {{Service: "a", Events: e[:1], Config: none}},
			after(1):                       {{Service: "a", Events: e[:1], Config: c[0]}},
			after(2):                       {{Service: "a", Events: e[:2], Config: c[1]}},
			after(3):                       {{Service: "a", Events: e[:3], Config: c[2]}},
			after(4).Add(-time.Second / 2): {{Service: "a", Events: e[:3], Config: c[2]}},
			after(4):                       {{Service: "a", Events: e[:3], Config: c[2]}, {Service: "b", Events: e[4:5], Config: none}},
			after(9):                       {{Service: "a", Events: []fleet.Event{e[0], e[1], e[2], e[5]}, Config: c[2]}, {Service: "b", Events: e[4:5], Config: none}},
		} {
			for i := range want {
				list := slices.Clone(want[i].Events)
				for n := range list {
					list[n].Durable = true
				}
				want[i].Events = list
			}
			wantSame(x.trial, fmt.Sprintf("the state at %v", at), x.stateAt(at), want)
		}
	}},
	{"OfOneMomentTheHigherIDCounts", func(x seriesTrial) {
		first, second := event(1, "a", fleet.EventOverride, base), event(2, "a", fleet.EventOverride, base)
		first.To, second.To = "forced_open", "auto"
		x.commit(fleet.Batch{Events: []fleet.Event{first, second}})
		if got := x.stateAt(base); len(got) != 1 || len(got[0].Events) != 1 || got[0].Events[0].To != "auto" {
			x.Errorf("%+v", got)
		}
	}},
	{"OnlyThoseThatAreWantedComeBack", func(x seriesTrial) {
		var puts []fleet.SeriesChunk
		var b fleet.Batch
		for i := range 500 {
			name := fmt.Sprintf("s%03d", i)
			puts = append(puts, chunk(name, 0, name))
			b.Events = append(b.Events, event(uint64(i)+1, name, fleet.EventRegistered, base))
			b.Configs = append(b.Configs, config(name, 1))
		}
		x.put(append(puts, chunk("", 0, "ran"))...)
		x.commit(b)
		even := func(name string) bool { return name != "" && (name[len(name)-1]-'0')%2 == 0 }
		var names []string
		for i := range 401 {
			names = append(names, fmt.Sprintf("s%03d", i))
		}
		for want, pick := range map[int]fleet.Which{
			500: {Match: func(name string) bool { return name != "" }}, 250: {Match: even}, 1: {Match: func(name string) bool { return name == "s123" }},
			0: {Match: func(string) bool { return false }}, 401: {Names: names}, 2: {Names: []string{"s499", "nobody", "s000", "s499"}},
		} {
			chunks, err := x.SeriesAt(x.Context(), time.Second, second(5), pick)
			if err != nil {
				x.Fatal(err)
			}
			states, err := x.StateAt(x.Context(), after(1), pick)
			if err != nil {
				x.Fatal(err)
			}
			if len(chunks) != want || len(states) != want {
				x.Fatalf("%d chunks and %d states, want %d", len(chunks), len(states), want)
			}
			for i := range states {
				name := states[i].Service
				if !pick.Has(name) || chunks[i].Service != name || len(states[i].Events) != 1 || states[i].Config.Version != 1 ||
					i > 0 && states[i-1].Service >= name {
					x.Errorf("%q, which is wanted: %v: %+v, %+v", name, pick.Has(name), states[i], chunks[i])
				}
			}
		}
	}},
	{"ReadersSeeWholePuts", func(x seriesTrial) {
		const puts, size = 20, 40
		done := make(chan error, 1)
		go func() {
			for n := range puts {
				all := make([]fleet.SeriesChunk, size)
				for i := range all {
					all[i] = chunk("a", n*size+i, "p")
				}
				if err := x.PutSeries(x.Context(), all); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for seen := 0; seen < puts*size; {
			seen = len(x.of("a", time.Second, second(0), second(puts*size)))
			if seen%size != 0 {
				x.Fatalf("half a put: %d chunks", seen)
			}
			select {
			case err := <-done:
				if err != nil {
					x.Fatal(err)
				}
			default:
			}
		}
	}},
}

// RunSeriesModel does the same random things to the series of a store and to a
// model of it, and wants the same answers.
func RunSeriesModel(t *testing.T, open, model func(t *testing.T) fleet.Store) {
	t.Helper()
	rapid.Check(t, func(r *rapid.T) {
		p := pair{store: trial{t, open(t)}, model: trial{t, model(t)}, seq: 1}
		defer p.close(r)
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			p.write(r)
			p.writeSeries(r)
			p.askSeries(r)
		}
	})
}

var (
	someStep   = rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 0})
	someSecond = rapid.Custom(func(r *rapid.T) time.Time { return second(rapid.IntRange(0, 20).Draw(r, "second")) })
)

// someWanted wants all, or some.
var someWanted = rapid.Custom(func(r *rapid.T) fleet.Which {
	if rapid.Bool().Draw(r, "all") {
		return fleet.Which{}
	}
	names := rapid.SliceOf(rapid.OneOf(someService, rapid.Just(""))).Draw(r, "names")
	if rapid.Bool().Draw(r, "by name") {
		return fleet.Which{Names: append([]string{}, names...)}
	}
	return fleet.Which{Match: func(name string) bool { return slices.Contains(names, name) }}
})

func (p *pair) series() (store, model fleet.SeriesStore) {
	return p.store.Store.(fleet.SeriesStore), p.model.Store.(fleet.SeriesStore)
}

func (p *pair) writeSeries(r *rapid.T) {
	store, model := p.series()
	ctx := p.store.Context()
	var chunks []fleet.SeriesChunk
	for range rapid.IntRange(0, 20).Draw(r, "chunks") {
		step := time.Second
		if rapid.Bool().Draw(r, "coarse") {
			step = 10 * time.Second
		}
		start := someSecond.Draw(r, "start")
		chunks = append(chunks, fleet.SeriesChunk{
			Service: rapid.OneOf(someService, rapid.Just("")).Draw(r, "service"), Step: step,
			Start: start, End: start.Add(step), Points: []byte(someText.Draw(r, "points")),
		})
	}
	agree(r, "PutSeries", store.PutSeries(ctx, chunks), model.PutSeries(ctx, chunks))
	step, before, limit := someStep.Draw(r, "trim"), someTime.Draw(r, "before"), rapid.IntRange(-1, 3).Draw(r, "limit")
	n, err := store.TrimSeries(ctx, step, before, limit)
	want, modelErr := model.TrimSeries(ctx, step, before, limit)
	agree(r, "TrimSeries", err, modelErr)
	if n != want {
		r.Fatalf("TrimSeries(%v, %v, %d) = %d, the model says %d", step, before, limit, n, want)
	}
}

func (p *pair) askSeries(r *rapid.T) {
	store, model := p.series()
	ctx := p.store.Context()
	q := fleet.SeriesQuery{
		Service: rapid.OneOf(someService, rapid.Just("")).Draw(r, "of"), Step: someStep.Draw(r, "step"),
		From: someTime.Draw(r, "from"), To: rapid.OneOf(someTime, someSecond).Draw(r, "to"),
	}
	got, err := store.Series(ctx, q)
	want, modelErr := model.Series(ctx, q)
	agree(r, "Series", err, modelErr)
	if diff := cmp.Diff(want, got, sameChunks); diff != "" {
		r.Fatalf("series of %+v (-model +store):\n%s", q, diff)
	}
	at := rapid.OneOf(someTime, someSecond).Draw(r, "at")
	some := someWanted.Draw(r, "wanted")
	got, err = store.SeriesAt(ctx, q.Step, at, some)
	want, modelErr = model.SeriesAt(ctx, q.Step, at, some)
	agree(r, "SeriesAt", err, modelErr)
	if diff := cmp.Diff(want, got, sameChunks); diff != "" {
		r.Fatalf("series at %v (-model +store):\n%s", at, diff)
	}
	states, err := store.StateAt(ctx, at, some)
	wantStates, modelErr := model.StateAt(ctx, at, some)
	agree(r, "StateAt", err, modelErr)
	if diff := cmp.Diff(wantStates, states, same); diff != "" {
		r.Fatalf("state at %v (-model +store):\n%s", at, diff)
	}
}
