package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/degenduel/switchgear/wire"
)

// reasonMark stands before the time, in nanoseconds of the machine's clock, in the
// reason of a transition: by it a watcher knows how long it took.
const reasonMark = "sent at "

// join brings all services in.
func (f *fake) join(ctx context.Context) error {
	for from := 0; from < len(f.breakers); from += wire.AgentPage {
		page := f.breakers[from:min(from+wire.AgentPage, len(f.breakers))]
		m := wire.AgentJoin{Type: wire.TypeAgentJoin, ID: f.id()}
		for i := range page {
			var state wire.AgentState
			b := &page[i]
			if err := json.Unmarshal(f.herd.forms[b.state].append(nil, f.service(from+i), b), &state); err != nil {
				return err
			}
			m.Services = append(m.Services, wire.JoinService{
				Service: state.Service, Layer: "application", Description: "One of the services that a load is made with",
				Dependencies: []string{}, Config: json.RawMessage(`{"failureThreshold":5,"resetTimeoutMs":60000}`),
				State: state, Fresh: !f.known && b.number == 0,
			})
		}
		f.session.joins[m.ID] = true
		if err := f.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// joined takes the answer to a page; after the last one the fake is there, and
// tells again what the manager does not know.
func (f *fake) joined(ctx context.Context, answer *wire.AgentJoined, epoch int) error {
	stored := make(map[string]uint64, len(answer.Services))
	for i := range answer.Services {
		s := &answer.Services[i]
		if s.Error != nil {
			err := fmt.Errorf("%s did not join: %s", s.Service, s.Error.Message)
			f.herd.wrong(err)
			return err
		}
		stored[s.Service] = s.Known
	}
	left := f.untold[:0]
	for _, mv := range f.untold {
		if n, asked := stored[f.service(mv.breaker)]; !asked || mv.number > n {
			left = append(left, mv)
		}
	}
	f.untold = left
	if delete(f.session.joins, answer.ID); len(f.session.joins) > 0 {
		return nil
	}
	f.known = true
	f.herd.there(f, epoch)
	for i := range f.untold {
		if err := f.tell(ctx, &f.untold[i]); err != nil {
			return err
		}
	}
	return nil
}

// report says that a share of the breakers have counted some operations.
func (f *fake) report(ctx context.Context, share float64) error {
	f.credit += share * float64(len(f.breakers))
	n := int(f.credit)
	f.credit -= float64(n)
	for n > 0 {
		page := min(n, wire.AgentPage)
		n -= page
		if len(f.session.waiting) >= maxWaiting {
			f.herd.heldBack.Add(int64(page))
			continue
		}
		id := f.id()
		b := fmt.Appendf(f.buffer[:0], `{"type":%q,"id":%d,"services":[`, wire.TypeAgentReport, id)
		for i := range page {
			if i > 0 {
				b = append(b, ',')
			}
			br := &f.breakers[f.next]
			br.successes += 10
			b = f.herd.forms[br.state].append(b, f.service(f.next), br)
			f.next = (f.next + 1) % len(f.breakers)
		}
		b = append(b, "]}"...)
		f.buffer = b
		f.sent(id, ofReport)
		if err := f.send(ctx, json.RawMessage(f.buffer)); err != nil {
			return err
		}
		f.herd.reported.Add(int64(page))
	}
	return nil
}

// move has the next breaker change its state, and tells so.
func (f *fake) move(ctx context.Context) error {
	n := f.next
	b := &f.breakers[n]
	mv := move{breaker: n, number: b.number + 1, from: b.state, at: time.Now()}
	b.number, b.state = mv.number, (b.state+1)%states
	f.untold = append(f.untold, mv)
	f.herd.moved.Add(1)
	return f.tell(ctx, &mv)
}

var evidence = json.RawMessage(`{"rule":"failure_threshold","failures":5,"successes":12,"last_error":"dial tcp 192.0.2.17:443: connection refused","config_version":1}`)

// tell tells of a transition, whose state is the one after it: none that comes
// later can be told before.
func (f *fake) tell(ctx context.Context, mv *move) error {
	after := breaker{f.breakers[mv.breaker].successes, mv.number, (mv.from + 1) % states}
	service := f.service(mv.breaker)
	transition, err := json.Marshal(wire.AgentTransition{
		Number: mv.number, From: stateNames[mv.from], To: stateNames[after.state], At: wire.Time{Time: mv.at},
		Reason: reasonMark + strconv.FormatInt(mv.at.UnixNano(), 10), Evidence: evidence,
	})
	if err != nil {
		return err
	}
	id := f.id()
	b := fmt.Appendf(nil, `{"type":%q,"id":%d,"service":%q,"transitions":[%s],"state":`, wire.TypeAgentTransitions, id, service, transition)
	b = append(f.herd.forms[after.state].append(b, service, &after), '}')
	f.sent(id, ofMove)
	return f.send(ctx, json.RawMessage(b))
}
