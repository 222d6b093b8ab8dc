package fleet

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/degenduel/switchgear"
)

// Outcome is what a program reports of an operation.
type Outcome struct {
	Outcome  switchgear.Outcome
	Duration time.Duration
	Error    string
}

// Advice is whether a program that reports may go on.
type Advice struct {
	State      switchgear.State
	Admit      bool
	RetryAfter time.Duration
}

// reportedError is an error in another program's words.
type reportedError string

func (e reportedError) Error() string { return string(e) }

const (
	// maxKept is how many requests with a key one service may have counted
	// since its state was stored last; at more of them it is stored first.
	maxKept = 1000

	// maxUnsaved is how many there may be of all services.
	maxUnsaved = 100_000
)

// place is where a report is on its way into the store.
type place uint8

const (
	inMemory place = iota
	inDraft        // a draft that is not written yet has it
	inStore
)

// report is a request of a program whose outcomes are counted. Its place is the
// sequencer's.
type report struct {
	Request

	place place
}

// reports are those of one service.
type reports struct {
	began time.Time
	last  atomic.Int64 // nanoseconds after began

	mu     sync.Mutex // held while outcomes are counted
	kept   []*report  // counted, and perhaps not stored
	closed bool       // the service is gone
}

// close ends the reports of a service that is gone, and returns the keys of
// those that are not stored.
func (r *reports) close() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	keys := make([]string, len(r.kept))
	for i, k := range r.kept {
		keys[i] = k.Key
	}
	return keys
}

func (r *reports) add(now time.Time) { r.last.Store(int64(now.Sub(r.began))) }

// reading is a breaker at one moment, with the reports that it has counted.
type reading struct {
	switchgear.Snapshot

	reported []*report
	moved    bool // by a transition whose event is not stored yet, and has no ID
}

// read is the sequencer's.
func (s *member) read() reading {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	s.reports.kept = slices.DeleteFunc(s.reports.kept, func(r *report) bool { return r.place == inStore })
	return reading{Snapshot: s.guard.Snapshot(), reported: slices.Clone(s.reports.kept)}
}

// Report counts outcomes of operations that ran in another program, in order,
// and advises on the next. No outcome is a question.
func (m *Manager) Report(ctx context.Context, name string, outcomes []Outcome) (Advice, error) {
	return m.ReportOnce(ctx, name, outcomes, Request{})
}

// ReportOnce is Report for outcomes that were sent with a key: the request is
// stored in the transaction of the state that counts them, at the next flush at
// the latest, and Manager.Request knows it at once. It is a Conflict if a request
// with that key is being, or has been, carried out; without a key it is Report.
// While the store does not answer, nobody can tell, and it is Unavailable.
func (m *Manager) ReportOnce(ctx context.Context, name string, outcomes []Outcome, r Request) (Advice, error) {
	const op = "report"
	if m.follows() {
		return Advice{}, m.errNotLeader(op)
	}
	s, err := m.member(op, name)
	if err != nil {
		return Advice{}, err
	}
	if err := s.guard.countable(); err != nil {
		return Advice{}, err
	}
	var kept *report
	if r.Key != "" {
		if err := m.makeRoom(ctx, s); err != nil {
			return Advice{}, err
		}
		r.At = time.Now()
		if kept, err = m.reserve(ctx, op, r); err != nil {
			return Advice{}, err
		}
	}
	if s, err = m.count(op, s, outcomes, kept); err != nil {
		m.unsaved.remove(r.Key)
		return Advice{}, err
	}
	v, err := m.awaitTold(ctx, s)
	if err != nil {
		return Advice{}, err
	}
	admit, wait := m.latest(s).service.Breaker().Advise()
	return Advice{v.Breaker.State, admit, wait}, nil
}

// count counts the outcomes in the service, or in what took its place.
func (m *Manager) count(op string, s *member, outcomes []Outcome, kept *report) (*member, error) {
	s.reports.mu.Lock()
	for s.heir != nil { // which is put there under this mutex
		next := s.heir
		s.reports.mu.Unlock()
		s = next
		s.reports.mu.Lock()
	}
	defer s.reports.mu.Unlock()
	if s.reports.closed {
		return nil, errorf(NotFound, op, "there is no service %q any more", s.name)
	}
	s.reports.add(time.Now())
	b := s.service.Breaker()
	for _, o := range outcomes {
		switch o.Outcome {
		case switchgear.Success:
			b.RecordSuccess(o.Duration)
		case switchgear.Failure:
			b.HandleError(reportedError(o.Error), o.Duration)
		case switchgear.Ignored:
			b.RecordIgnored()
		}
	}
	if kept != nil {
		s.reports.kept = append(s.reports.kept, kept)
		m.unsaved.counted(kept)
	}
	return s, nil
}

// makeRoom has the service stored if it has counted too many reports since.
func (m *Manager) makeRoom(ctx context.Context, s *member) error {
	s.reports.mu.Lock()
	kept := len(s.reports.kept)
	s.reports.mu.Unlock()
	if kept < maxKept {
		return nil
	}
	var now *member
	return m.do(ctx, "report", &change{
		service: s.name, member: s,
		plan: func(d *draft) error {
			now = s.current()
			live, err := now.live()
			if err != nil {
				return err
			}
			return m.planRow(now, live, d, "")
		},
	})
}

// reserve keeps others from carrying out the same request.
func (m *Manager) reserve(ctx context.Context, op string, r Request) (*report, error) {
	kept := &report{Request: r}
	if err := m.unsaved.reserve(op, kept); err != nil {
		if KindOf(err) == Exhausted {
			m.crowdedOut.Add(1)
		}
		return nil, err
	}
	_, err := m.store.Request(ctx, r.Key)
	if KindOf(err) == NotFound {
		return kept, nil
	}
	m.unsaved.remove(r.Key)
	if err == nil {
		err = errorf(Conflict, op, "a request with this key was carried out already")
	}
	return nil, err
}

// unsaved are the requests that were carried out, or are about to be, and that
// the store does not have.
type unsaved struct {
	mu    sync.Mutex
	byKey map[string]unsavedRequest
}

type unsavedRequest struct {
	Request

	done bool
}

func (u *unsaved) reserve(op string, r *report) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.byKey[r.Key]; ok {
		return errorf(Conflict, op, "a request with this key is being carried out, or was")
	}
	if len(u.byKey) >= maxUnsaved {
		return errorf(Exhausted, op, "%d requests with a key wait to be stored", maxUnsaved)
	}
	u.put(r.Request, false)
	return nil
}

func (u *unsaved) put(r Request, done bool) {
	if u.byKey == nil {
		u.byKey = make(map[string]unsavedRequest)
	}
	u.byKey[r.Key] = unsavedRequest{r, done}
}

func (u *unsaved) counted(r *report) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(r.Request, true)
}

// add keeps the requests of orders that are in force before they are stored.
func (u *unsaved) add(requests []Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range requests {
		u.put(r, true)
	}
}

func (u *unsaved) remove(keys ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, key := range keys {
		delete(u.byKey, key)
	}
}

// get is a request that was carried out.
func (u *unsaved) get(key string) (Request, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r, ok := u.byKey[key]
	return r.Request, ok && r.done
}

// forget lets go of all.
func (u *unsaved) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byKey = nil
}

// known reports whether one of the requests is there.
func (u *unsaved) known(requests []Request) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(requests, func(r Request) bool {
		_, ok := u.byKey[r.Key]
		return ok
	})
}

// saved notes that the store has what a draft held.
func (m *Manager) saved(d *draft) {
	keys := make([]string, 0, len(d.reported)+len(d.Requests))
	for _, r := range d.reported {
		r.place = inStore
		keys = append(keys, r.Key)
	}
	for _, r := range d.Requests {
		keys = append(keys, r.Key)
	}
	if len(keys) > 0 {
		m.unsaved.remove(keys...)
	}
	if m.cluster == nil {
		return
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := range d.Services {
		if s := m.members[d.Services[i].Service]; s != nil {
			s.rowSeq = d.Services[i].Revision
		}
	}
}

// Request is a write that was sent with that key and carried out; NotFound if
// there was none within RequestsKept.
func (m *Manager) Request(ctx context.Context, key string) (Request, error) {
	if r, ok := m.unsaved.get(key); ok {
		return r, nil
	}
	return m.store.Request(ctx, key)
}
