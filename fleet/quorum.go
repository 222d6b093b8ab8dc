package fleet

import (
	"slices"
	"time"

	"github.com/degenduel/switchgear"
	"github.com/degenduel/switchgear/config"
)

// verdict is that the instances of a service have opened their circuits together,
// from the quorum until one of them has recovered. One at a time, the holder, has
// the lease to try; the others wait.
type verdict struct {
	next   time.Time // when the next lease may begin
	holder string    // who has it; empty: nobody
	number uint64    // of the holder's last transition when it began
	until  time.Time // when it ends
	last   string    // who had it last
	tried  []string  // who had it in this round
}

// word is what an instance was told of a verdict.
type word uint8

const (
	toldNothing word = iota
	toldWait         // be open, and wait
	toldTry          // it has the lease
	toldFollow       // recover: another has
)

// voter is an instance as a quorum sees it.
type voter struct {
	id       string
	state    switchgear.State
	number   uint64        // of its last transition
	left     time.Duration // of an open one's open time
	backoff  time.Duration // that open time, which is longer the more of its recoveries have failed
	told     word
	heard    bool // it is connected, and not silent
	auto     bool // nothing is forced and it is not disabled
	ours     bool // of an open one: a verdict opened it, not its own rule
	busy     bool // it has the traffic that its rule asks for
	active   bool // it has a health check or traffic, so that it can try soon
	succeeds bool // its recovery has had its first success
	behind   bool // it has made transitions that were not told yet
}

func (v *voter) agrees() bool {
	return v.heard && v.auto && v.state == switchgear.Open && !v.ours && v.told != toldFollow && !v.behind
}

func (v *voter) disagrees() bool {
	return v.heard && v.auto && (v.state == switchgear.Closed && v.busy || v.state == switchgear.HalfOpen && v.succeeds)
}

// vote is how many instances are open by themselves, and how many count. Those
// that have begun to recover are finding out, and those without traffic do not
// know.
func vote(voters []voter) (agree, count int) {
	for i := range voters {
		switch v := &voters[i]; {
		case v.agrees():
			agree++
			count++
		case v.disagrees():
			count++
		}
	}
	return agree, count
}

// reached reports whether so many of those that count are enough.
func reached(q config.Quorum, agree, count int) bool {
	return q.On() && agree >= q.Instances && float64(agree) >= q.Share*float64(count)
}

// ruled is what a look at the instances comes to.
type ruled struct {
	verdict *verdict     // nil: each decides alone
	orders  map[int]word // by the place of the voter; toldNothing ends what it was told

	opened       bool // just now, by
	agree, count int
}

// rule looks at the instances, in the order of their IDs, and says what follows.
// It writes to nothing that it is given. lease is how long a holder may take.
// recovered: one of them has closed by its own recovery since the last look.
func rule(q config.Quorum, before *verdict, voters []voter, now time.Time, lease time.Duration, recovered bool) ruled {
	r := ruled{orders: make(map[int]word)}
	if before != nil {
		v := *before
		r.verdict = &v
	}
	switch {
	case !q.On():
		r.release(voters)
		return r
	case r.verdict == nil:
		if r.agree, r.count = vote(voters); !reached(q, r.agree, r.count) {
			r.release(voters)
			return r
		}
		r.opened, r.verdict = true, &verdict{next: now.Add(soonest(voters))}
	case recovered:
		r.follow(voters)
		return r
	}
	if r.judgeHolder(voters, now) {
		r.follow(voters)
		return r
	}
	if r.verdict.holder == "" && !r.opened { // who recovers just now waits too
		r.lend(voters, now, lease)
	}
	for i := range voters {
		v := &voters[i]
		if v.id != r.verdict.holder && v.told != toldWait && v.reachable() {
			r.orders[i] = toldWait
		}
	}
	return r
}

// reachable reports whether an order would do something.
func (v *voter) reachable() bool { return v.heard && v.auto && !v.behind }

// soonest is the shortest open time that is left to those that made the quorum.
func soonest(voters []voter) time.Duration {
	left := time.Duration(-1)
	for i := range voters {
		if v := &voters[i]; v.agrees() && (left < 0 || v.left < left) {
			left = v.left
		}
	}
	return max(left, 0)
}

// judgeHolder ends a lease that is over, and reports whether its holder has had its
// first success.
func (r *ruled) judgeHolder(voters []voter, now time.Time) (succeeded bool) {
	v := r.verdict
	if v.holder == "" {
		return false
	}
	for i := range voters {
		h := &voters[i]
		if h.id != v.holder {
			continue
		}
		switch {
		case !h.heard || !h.auto: // nobody's failure
			v.end(now)
		case h.state == switchgear.Closed || h.state == switchgear.HalfOpen && h.succeeds:
			return true
		case h.state == switchgear.Open && h.number > v.number:
			v.end(now.Add(h.left))
		case !now.Before(v.until):
			v.end(now)
		}
		return false
	}
	v.end(now) // it has been forgotten
	return false
}

// end ends the lease.
func (v *verdict) end(next time.Time) { v.last, v.holder, v.next = v.holder, "", next }

// lend gives the lease to one that recovers by itself already, or, when it is time,
// to one that has not had it in this round: first of those that have something to
// try with, of these one whose own rule has opened it, for the success of another
// would prove less, and last a bad caller that has failed for long.
func (r *ruled) lend(voters []voter, now time.Time, lease time.Duration) {
	v := r.verdict
	chosen := -1
	better := func(i int) bool {
		a, b := &voters[i], &voters[chosen]
		if a.state != b.state {
			return a.state == switchgear.HalfOpen
		}
		if a.active != b.active {
			return a.active
		}
		if a.ours != b.ours {
			return b.ours
		}
		return a.backoff < b.backoff // its failure keeps the others waiting less
	}
	choose := func() {
		for i := range voters {
			c := &voters[i]
			tries := c.state == switchgear.HalfOpen && c.told != toldWait && c.told != toldTry
			due := c.state == switchgear.Open && !now.Before(v.next) && !slices.Contains(v.tried, c.id)
			if c.reachable() && (tries || due) && (chosen < 0 || better(i)) {
				chosen = i
			}
		}
	}
	if choose(); chosen < 0 && len(v.tried) > 0 && !now.Before(v.next) {
		v.tried = nil
		choose()
	}
	if chosen < 0 {
		return
	}
	c := &voters[chosen]
	v.holder, v.number, v.until = c.id, c.number, now.Add(lease)
	v.tried = append(slices.Clone(v.tried), c.id)
	r.orders[chosen] = toldTry
}

// follow ends the verdict: all that wait recover.
func (r *ruled) follow(voters []voter) {
	r.verdict = nil
	for i := range voters {
		switch v := &voters[i]; {
		case v.state == switchgear.Open && v.reachable():
			r.orders[i] = toldFollow
		case v.told == toldWait || v.told == toldTry:
			r.orders[i] = toldNothing
		}
	}
}

// release ends a verdict, or what is left of one, without another word.
func (r *ruled) release(voters []voter) {
	r.verdict = nil
	for i := range voters {
		if told := voters[i].told; told == toldWait || told == toldTry {
			r.orders[i] = toldNothing
		}
	}
}
