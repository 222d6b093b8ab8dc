package ws

import (
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear/server/internal/socket"
	"github.com/degenduel/switchgear/wire"
)

// snapshot is everything at seq that a filter takes, in pages. A page is made
// when it is wanted, of the bytes that the updates have too: so a slow client
// costs one page, and not all.
type snapshot struct {
	seq    uint64
	at     time.Time
	epoch  []byte      // JSON
	number int         // among those of all services, from 1; 0: it is a client's own
	parts  [][]*record // what is on the pages
}

// pages is how many there are: one at least.
func (s *snapshot) pages() int { return len(s.parts) }

// page is one of them, from 0.
func (s *snapshot) page(i int) socket.Frame {
	recs := s.parts[i]
	size := placeSize
	for _, r := range recs {
		size += len(r.entry) + len("{,")
	}
	b := place{wire.TypeServicesState, s.at, s.epoch, s.seq}.append(socket.NewFrame(size))
	b = append(b, `,"page":`...)
	b = strconv.AppendInt(b, int64(i+1), 10)
	b = append(b, `,"pages":`...)
	b = strconv.AppendInt(b, int64(len(s.parts)), 10)
	b = append(b, `,"services":[`...)
	for i, r := range recs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = append(b, r.entry...)
	}
	return socket.Seal(append(b, "]}"...))
}

// snapshots makes snapshots. One of all services is made for all who want it
// meanwhile; it is never older than the moment they asked. Each entry is
// encoded once for all snapshots, and for the updates too, by all processors
// where there are many. A page is put together when the first client comes to
// it, so that the first page does not wait for the last. Whoever is at a snapshot
// that is not the last one any more has to make its pages for itself.
type snapshots struct {
	hub      *hub
	pageSize int // bytes; a page is larger only where one entry is

	mu   sync.Mutex // held while one of all is made
	last atomic.Pointer[encoded]
	made int // how many of all
}

// encoded is a snapshot of all services with its pages.
type encoded struct {
	snapshot

	shared []sharedPage
}

// sharedPage is made by whoever wants it first.
type sharedPage struct {
	once  sync.Once
	frame socket.Frame
}

func (e *encoded) take(i int) socket.Frame {
	p := &e.shared[i]
	p.once.Do(func() { p.frame = e.page(i) })
	return p.frame
}

// all is a snapshot of all services.
func (s *snapshots) all() (snapshot, error) {
	asked := s.hub.at()
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last.Load()
	if last == nil || last.seq < asked {
		seq, recs := s.hub.states()
		snap, err := s.make(seq, recs, s.hub.epoch.json)
		if err != nil {
			return snapshot{}, err
		}
		s.made++
		snap.number = s.made
		last = &encoded{snapshot: snap, shared: make([]sharedPage, snap.pages())}
		s.last.Store(last)
	}
	own := last.snapshot
	own.parts = slices.Clone(own.parts)
	return own, nil
}

// take is a page that will not be wanted again.
func (s *snapshots) take(snap *snapshot, i int) socket.Frame {
	defer func() { snap.parts[i] = nil }()
	if last := s.last.Load(); last != nil && last.number == snap.number {
		return last.take(i)
	}
	return snap.page(i)
}

// of is a snapshot of what the filter takes.
func (s *snapshots) of(f *filter, e *epoch) (snapshot, error) {
	if f.all() {
		return s.all()
	}
	seq, recs := s.hub.states()
	return s.make(seq, f.choose(recs), e.json)
}

// forget lets go of a snapshot that nobody has wanted for a while.
func (s *snapshots) forget(now time.Time) {
	const old = 10 * time.Second
	if !s.mu.TryLock() {
		return // one is being made
	}
	defer s.mu.Unlock()
	if last := s.last.Load(); last != nil && now.Sub(last.at) > old {
		s.last.Store(nil)
	}
}

// make puts records on pages.
func (s *snapshots) make(seq uint64, recs []*record, epoch []byte) (snapshot, error) {
	if err := encode(recs, s.hub.epoch.json); err != nil {
		return snapshot{}, err
	}
	snap := snapshot{seq: seq, at: time.Now(), epoch: epoch}
	var page []*record
	size := 0
	for _, r := range recs {
		if size += len(r.entry) + len("{,"); size > s.pageSize && len(page) > 0 {
			snap.parts, page, size = append(snap.parts, page), nil, len(r.entry)+len("{,")
		}
		page = append(page, r)
	}
	snap.parts = append(snap.parts, page) // of no services at all there is one page too
	return snap, nil
}

// encode makes the frames of all records that have none yet, a few at a time in
// as many goroutines as there are processors.
func encode(recs []*record, epoch []byte) error {
	const few = 256
	var wrong atomic.Pointer[error]
	var encoding sync.WaitGroup
	chunks := make(chan []*record)
	for range min(runtime.GOMAXPROCS(0), (len(recs)+few-1)/few) {
		encoding.Go(func() {
			for chunk := range chunks {
				for _, r := range chunk {
					if _, err := r.frame(epoch); err != nil {
						wrong.Store(&err)
					}
				}
			}
		})
	}
	for chunk := range slices.Chunk(recs, few) {
		chunks <- chunk
	}
	close(chunks)
	encoding.Wait()
	if err := wrong.Load(); err != nil {
		return *err
	}
	return nil
}
