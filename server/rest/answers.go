package rest

import (
	"container/list"
	"net/http"
	"sync"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

const (
	// Of the answers that are kept the oldest go when there are more, or they
	// have more bytes; each goes after a day. What was carried out is known to
	// the store without them.
	maxAnswers     = 10_000
	maxAnswerBytes = 16 << 20
	answersKept    = fleet.RequestsKept

	// maxAnswer is the largest answer that is kept, in bytes.
	maxAnswer = 64 << 10

	// answerOverhead is what an answer takes beside its body, in bytes.
	answerOverhead = 512
)

// answer is what a request was told. It is never changed.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// size is what it takes, in bytes.
func (a *answer) size() int { return len(a.body) + answerOverhead }

// asked is a request with a key: one that is being carried out, or that was.
type asked struct {
	key, fingerprint string
	at               time.Time
	done             bool
	answer           *answer
}

// replay says again what was said.
func (a asked) replay(w http.ResponseWriter) {
	h := w.Header()
	for name := range a.answer.header {
		h.Set(name, a.answer.header.Get(name))
	}
	h.Set(replayedHeader, "true")
	w.WriteHeader(a.answer.status)
	_, _ = w.Write(a.answer.body) // nobody is there to read it
}

// answers are the requests with keys that are under way, of which there are no
// more than requests, and the answers to those that were. The zero value has
// none.
type answers struct {
	mu    sync.Mutex
	of    map[string]*list.Element // by the request's key; those under way are in no list
	done  list.List                // of *asked, by when they were done
	bytes int
}

// begin says that the request is carried out now, unless its key is known: then
// was is what is known of it.
func (s *answers) begin(r fleet.Request) (was asked, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(time.Now())
	if e := s.of[r.Key]; e != nil {
		return *e.Value.(*asked), false
	}
	if s.of == nil {
		s.of = make(map[string]*list.Element)
	}
	s.of[r.Key] = &list.Element{Value: &asked{key: r.Key, fingerprint: r.Fingerprint}}
	return asked{}, true
}

// end says what the request was told; nil, and what is too large, is not kept.
func (s *answers) end(r fleet.Request, said *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if said == nil || len(said.body) > maxAnswer {
		delete(s.of, r.Key)
		return
	}
	now := time.Now()
	s.of[r.Key] = s.done.PushBack(&asked{key: r.Key, fingerprint: r.Fingerprint, at: now, done: true, answer: said})
	s.bytes += said.size()
	s.makeRoom(now)
}

// makeRoom lets go of what is too old, and of the oldest of what is too much.
func (s *answers) makeRoom(now time.Time) {
	for e := s.done.Front(); e != nil; e = s.done.Front() {
		oldest := e.Value.(*asked)
		if s.done.Len() <= maxAnswers && s.bytes <= maxAnswerBytes && now.Sub(oldest.at) < answersKept {
			return
		}
		s.done.Remove(e)
		s.bytes -= oldest.answer.size()
		delete(s.of, oldest.key)
	}
}
