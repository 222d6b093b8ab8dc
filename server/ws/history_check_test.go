package ws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/wire"
)

// segment is what a client saw from one place on.
type segment struct {
	wish    wish
	resumed uint64 // went on after it; 0: began with a state
	msgs    []msg
}

// judgement is what a validator has found.
type judgement struct {
	states, resumes, heartbeats, left int

	truth *truth
	model map[string]string // what the client shows
}

// check compares what a client saw with the truth.
func check(tr *truth, segments []*segment) (*judgement, error) {
	j := &judgement{truth: tr, model: map[string]string{}}
	for _, s := range segments {
		if len(s.msgs) == 0 {
			continue
		}
		if err := j.segment(s); err != nil {
			return j, fmt.Errorf("%+v, after %d: %w", s.wish, s.resumed, err)
		}
	}
	return j, nil
}

func (j *judgement) segment(s *segment) error {
	place, msgs := s.resumed, s.msgs
	switch {
	case msgs[0].Type == wire.TypeServicesState:
		j.states++
		place = msgs[0].Seq
		pages := msgs[:msgs[0].Pages]
		if err := j.begin(pages); err != nil {
			return err
		}
		msgs = msgs[len(pages):]
		if err := j.same(place, &s.wish); err != nil {
			return err
		}
	case place == 0:
		return fmt.Errorf("began with %s", msgs[0].raw)
	default:
		j.resumes++
		maps.DeleteFunc(j.model, func(_, doc string) bool { return !s.wish.takesEntry(doc) })
	}
	return j.follow(place, msgs, s)
}

// begin reads a state.
func (j *judgement) begin(pages []msg) error {
	clear(j.model)
	for i, p := range pages {
		if p.Type != wire.TypeServicesState || p.Page != i+1 || p.Pages != len(pages) || p.Seq != pages[0].Seq {
			return fmt.Errorf("page %d of %d is %s", i+1, len(pages), p.raw)
		}
		var entries []json.RawMessage
		if err := json.Unmarshal(p.Services, &entries); err != nil {
			return err
		}
		for _, doc := range entries {
			var e wire.Entry
			if err := json.Unmarshal(doc, &e); err != nil {
				return err
			}
			if _, twice := j.model[e.Service]; twice {
				return fmt.Errorf("%s is in the state at %d twice", e.Service, p.Seq)
			}
			j.model[e.Service] = string(doc)
		}
	}
	return nil
}

// follow reads the changes after a place.
func (j *judgement) follow(place uint64, msgs []msg, s *segment) error {
	var events []uint64
	last := place
	for _, m := range msgs {
		if m.Seq < last || m.Seq == last && m.Type != wire.TypeHeartbeat {
			return fmt.Errorf("after %d: %s", last, m.raw)
		}
		last = m.Seq
		switch m.Type {
		case wire.TypeServiceEvent:
			events = append(events, m.Seq)
			if m.Event.Kind == "removed" {
				delete(j.model, m.Event.Service)
			}
		case wire.TypeServiceUpdate:
			if err := j.update(&m, s); err != nil {
				return err
			}
		case wire.TypeHeartbeat:
			j.heartbeats++
			if err := j.same(m.Seq, &s.wish); err != nil {
				return err
			}
		default:
			return fmt.Errorf("in the midst of changes: %s", m.raw)
		}
	}
	must, may := j.truth.events(place, last, &s.wish)
	events = slices.DeleteFunc(events, func(seq uint64) bool { return slices.Contains(may, seq) })
	if !slices.Equal(events, must) {
		return fmt.Errorf("from %d to %d: events (-want +got)\n%s", place, last, cmp.Diff(must, events))
	}
	return nil
}

// update takes an update in. One that is not wished for tells that its service
// has left, so the client must have had it; or, after it went on from a place,
// may have had it.
func (j *judgement) update(m *msg, s *segment) error {
	_, tail, _ := bytes.Cut(m.raw, []byte(`,"service":`))
	doc := `{"service":` + string(tail)
	if s.wish.takesEntry(doc) {
		j.model[m.Service] = doc
		return nil
	}
	_, had := j.model[m.Service]
	if !s.wish.names(m.Service) || !had && s.resumed == 0 {
		return fmt.Errorf("nobody asked for %s", m.raw)
	}
	j.left++
	delete(j.model, m.Service)
	return nil
}

// same compares what the client shows with the truth at a seq.
func (j *judgement) same(seq uint64, w *wish) error {
	want := j.truth.at(seq, w)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if j.model[name] != want[name] {
			return fmt.Errorf("at %d %s is\n%s\nwant\n%s", seq, name, j.model[name], want[name])
		}
	}
	if len(j.model) != len(want) {
		return fmt.Errorf("at %d there are %v, want %v", seq, slices.Sorted(maps.Keys(j.model)), slices.Sorted(maps.Keys(want)))
	}
	return nil
}
