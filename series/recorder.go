package series

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

// Deps are what a Recorder works with.
type Deps struct {
	Manager *fleet.Manager    // required
	Store   fleet.SeriesStore // required
	Logger  *slog.Logger      // nil: nothing is logged
}

// Config is how a Recorder works. The zero Config is a good one.
type Config struct {
	// MaxWaiting caps, in bytes, the chunks that wait for a store that is away;
	// above it the oldest go and are counted. Default 64 MiB. What is in the
	// making comes to about 2 KiB a busy service besides.
	MaxWaiting int

	// Keep is how long points are kept. Where it is longer than before, there is
	// a gap before that.
	Keep Keep
}

const (
	defaultMaxWaiting = 64 << 20

	// flushAfter is how long a point waits to be written, in seconds, and
	// flushTicks how many seconds the writing of very many services is spread
	// over at most: see due.
	flushAfter = 4
	flushTicks = 30

	// maxPut is how many chunks one transaction writes, and maxTrim how many it
	// removes: some milliseconds, which is what an order may have to wait.
	maxPut  = 300
	maxTrim = 500

	// trimEvery is how often what is too old is removed, and trimRounds in how
	// many transactions of each tier at most.
	trimEvery  = 10 * time.Second
	trimRounds = 20

	// retryAfter is how long a store that did not answer is left alone.
	retryAfter = 5 * time.Second

	// keepAlive is how often a service is recorded of which nothing changes, in
	// seconds, so that its totals are known as long as anything is kept.
	keepAlive = 24 * 60 * 60

	// maxBehind is how far the clock may go back before the series begin anew,
	// in seconds.
	maxBehind = 60

	storeTimeout    = 5 * time.Second
	shutdownTimeout = 3 * time.Second
)

// Recorder records the services of a manager. All methods are safe for
// concurrent use.
type Recorder struct {
	manager *fleet.Manager
	store   fleet.SeriesStore
	log     *slog.Logger
	cfg     Config
	tiers   ladder
	stop    func() // ends the watch
	ending  sync.Once

	// What the manager has told since the last tick: seeing guards it alone,
	// for the manager waits for that.
	seeing sync.Mutex
	seen   map[string]*fleet.View
	first  map[string]*fleet.View // the first that was seen of a service at all
	met    map[string]bool        // those that are there, and were seen
	fresh  map[string]bool        // registered since
	gone   map[string]bool        // taken out

	mu      sync.Mutex
	tracks  map[string]*track
	queue   []*track            // to be written, the longest waiting first
	waiting []fleet.SeriesChunk // ended, and not written
	bytes   int                 // of them
	taken   int                 // how many waited before the first of them
	away    bool                // the store did not answer last
	run     uint64              // names a stretch of one process in which the clock did not go back: later ones are higher
	second  int64               // the last that was recorded
	stats   Stats

	keptAlive int64 // the second when services were last looked through for that

	boards, ranges line // of those who read

	// The writer's alone.
	retryAt, trimmedAt time.Time
}

// Stats are what a Recorder has done so far, in this process.
type Stats struct {
	Points  uint64 // recorded, of 1 s
	Chunks  uint64 // written
	Bytes   uint64 // of points, written
	Dropped uint64 // chunks lost, because the store was away too long
	Trimmed uint64 // chunks removed, because they were too old
	Waiting int    // chunks that wait for the store
}

// New makes a Recorder, which sees from now on what the manager tells. Close it
// if Run is not called.
func New(d Deps, cfg Config) (*Recorder, error) {
	if d.Manager == nil || d.Store == nil {
		return nil, errors.New("series: a manager and a store are needed")
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = defaultMaxWaiting
	}
	kept, err := cfg.Keep.ladder()
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		manager: d.Manager, store: d.Store, log: d.Logger, cfg: cfg, tiers: kept,
		seen: make(map[string]*fleet.View), first: make(map[string]*fleet.View), met: make(map[string]bool),
		fresh: make(map[string]bool), gone: make(map[string]bool),
		tracks: make(map[string]*track), run: uint64(max(time.Now().Unix(), 0)),
		boards: newLine(), ranges: newLine(),
	}
	r.seeing.Lock()
	defer r.seeing.Unlock()
	_, views, stop := d.Manager.Watch(r.see)
	r.stop = stop
	for i := range views {
		r.meet(&views[i])
	}
	return r, nil
}

// see takes in what the manager tells, which waits for it.
func (r *Recorder) see(c fleet.Change) {
	r.seeing.Lock()
	defer r.seeing.Unlock()
	switch {
	case c.Removed:
		r.gone[c.Service] = true // what was seen before it went is still recorded
		delete(r.met, c.Service)
	case c.View != nil:
		r.meet(c.View)
		delete(r.gone, c.Service)
	case c.Event != nil && c.Event.Kind == fleet.EventRegistered:
		r.fresh[c.Service] = true
	}
}

// meet notes what is seen of a service.
func (r *Recorder) meet(v *fleet.View) {
	r.seen[v.Service] = v
	if !r.met[v.Service] {
		r.met[v.Service], r.first[v.Service] = true, v
	}
}

// Close ends the watch of a Recorder whose Run was not called.
func (r *Recorder) Close() { r.ending.Do(r.stop) }

// Stats are what has been done so far.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Waiting = len(r.waiting)
	return s
}

// Run records until ctx ends, and then writes what is not written, for up to
// three seconds. It returns the store's error if something could not be. It is
// called once.
func (r *Recorder) Run(ctx context.Context) error {
	defer r.Close()
	r.begin(ctx)
	// A store that hangs keeps nobody from recording.
	ticks := make(chan struct{}, 1)
	var writer sync.WaitGroup
	writer.Go(func() {
		for range ticks {
			r.keepWriting(ctx)
		}
	})
	r.keepRecording(ctx, ticks)
	close(ticks)
	writer.Wait()
	r.Close()
	last := time.Now().Unix()
	r.record(last)
	r.gather(last, true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return r.write(ctx)
}

// keepRecording records each second until ctx ends. The manager, which begins at
// about the same time, tells statistics each whole second from then, and this
// listens half way between.
func (r *Recorder) keepRecording(ctx context.Context, ticks chan<- struct{}) {
	next := time.Now().Add(phase)
	timer := time.NewTimer(phase)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		r.record(r.secondOf(now))
		r.gather(now.Unix(), false)
		select {
		case ticks <- struct{}{}:
		default: // it still writes
		}
		for next = next.Add(time.Second); !next.After(now); next = next.Add(time.Second) {
		}
		timer.Reset(time.Until(next))
	}
}

const phase = time.Second / 2

// secondOf is the second in which it is recorded what was told until now. It is
// the one after the last as long as the clock is not far from it, so that no
// second has two and none is left out for a millisecond.
func (r *Recorder) secondOf(now time.Time) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := now.Add(-phase)
	if off := is.Sub(time.Unix(r.second+1, 0)); off >= -phase && off < time.Second+phase {
		return r.second + 1
	}
	return is.Unix()
}

// keepWriting is what the writer does each second.
func (r *Recorder) keepWriting(ctx context.Context) {
	if time.Until(r.retryAt) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if r.write(ctx) != nil {
		r.retryAt = time.Now().Add(retryAfter)
		return
	}
	if time.Since(r.trimmedAt) >= trimEvery {
		r.trimmedAt = time.Now()
		r.trim(ctx, r.trimmedAt)
	}
}

// record puts what was seen into the tracks, as of the second.
func (r *Recorder) record(second int64) {
	r.seeing.Lock()
	seen, first, fresh, gone := r.seen, r.first, r.fresh, r.gone
	r.seen, r.first = make(map[string]*fleet.View, len(seen)), make(map[string]*fleet.View)
	r.fresh, r.gone = make(map[string]bool), make(map[string]bool)
	r.seeing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow(second)
	for name := range fresh {
		r.track(name).fresh = true // until it is seen
	}
	for name, v := range seen {
		t := r.track(name)
		if known := first[name]; known != nil && !t.known && !t.fresh {
			r.wait(t.begin(sampleOf(known, second, false), r.run))
		}
		r.wait(t.add(sampleOf(v, second, t.fresh), r.run))
		t.gone, t.fresh = false, false
		r.enqueue(t, second)
		r.stats.Points++
	}
	for name := range gone {
		if t := r.tracks[name]; t != nil {
			t.gone = true // it goes when it is written
			r.enqueue(t, second)
		}
	}
	// The service without a name is the recorder itself.
	ran := r.track("")
	r.wait(ran.add(sample{tick: second}, r.run))
	r.enqueue(ran, second)
	if second-r.keptAlive >= keepAlive/24 {
		r.keptAlive = second
		r.keepAlive(second)
	}
}

func (r *Recorder) track(name string) *track {
	t := r.tracks[name]
	if t == nil {
		t = &track{service: name, tiers: &r.tiers}
		r.tracks[name] = t
	}
	return t
}

// keepAlive records services of which nothing has changed for a day once more.
func (r *Recorder) keepAlive(second int64) {
	for _, t := range r.tracks {
		if t.known && !t.gone && second-t.newest.tick >= keepAlive {
			s := t.newest
			s.tick, s.fresh = second, false
			r.wait(t.add(s, r.run))
			r.enqueue(t, second)
		}
	}
}

func (r *Recorder) enqueue(t *track, second int64) {
	if !t.queued {
		t.queued, t.since = true, second
		r.queue = append(r.queue, t)
	}
}
