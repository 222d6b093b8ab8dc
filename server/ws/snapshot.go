package ws

import (
	"strconv"
	"sync"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// snapshot is everything at seq, in pages.
type snapshot struct {
	seq   uint64
	pages []frame
	made  time.Time
}

// snapshots makes snapshots. One of all services is made for all who want it
// meanwhile; it is never older than the moment they asked.
type snapshots struct {
	hub      *hub
	pageSize int // bytes; a page is larger only where one entry is

	mu   sync.Mutex // held while one is made
	last snapshot
}

// all is a snapshot of all services.
func (s *snapshots) all() (snapshot, error) {
	asked := s.hub.at()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.pages != nil && s.last.seq >= asked {
		return s.last, nil
	}
	seq, recs := s.hub.states()
	made, err := s.make(seq, recs)
	if err == nil {
		s.last = made
	}
	return made, err
}

// of is a snapshot of what the filter takes.
func (s *snapshots) of(f *filter) (snapshot, error) {
	if f.all() {
		return s.all()
	}
	seq, recs := s.hub.states()
	return s.make(seq, f.choose(recs))
}

// forget lets go of a snapshot that nobody has wanted for a while.
func (s *snapshots) forget(now time.Time) {
	const old = 10 * time.Second
	if !s.mu.TryLock() {
		return // one is being made
	}
	defer s.mu.Unlock()
	if now.Sub(s.last.made) > old {
		s.last = snapshot{}
	}
}

func (s *snapshots) make(seq uint64, recs []*record) (snapshot, error) {
	var pages [][]*record
	var page []*record
	size := 0
	for _, r := range recs {
		if _, err := r.frame(s.hub.epoch); err != nil {
			return snapshot{}, err
		}
		if size += len(r.entry) + len("{,"); size > s.pageSize && len(page) > 0 {
			pages, page, size = append(pages, page), nil, len(r.entry)+len("{,")
		}
		page = append(page, r)
	}
	pages = append(pages, page) // of no services at all there is one page too
	made := snapshot{seq: seq, made: time.Now()}
	for i, p := range pages {
		made.pages = append(made.pages, s.page(place{wire.TypeServicesState, made.made, s.hub.epoch, seq}, i+1, len(pages), p))
	}
	return made, nil
}

func (s *snapshots) page(at place, number, of int, recs []*record) frame {
	size := placeSize
	for _, r := range recs {
		size += len(r.entry) + len("{,")
	}
	b := at.append(newFrame(size))
	b = append(b, `,"page":`...)
	b = strconv.AppendInt(b, int64(number), 10)
	b = append(b, `,"pages":`...)
	b = strconv.AppendInt(b, int64(of), 10)
	b = append(b, `,"services":[`...)
	for i, r := range recs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = append(b, r.entry...)
	}
	return seal(append(b, "]}"...))
}
