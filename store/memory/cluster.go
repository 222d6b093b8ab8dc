package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/degenduel/switchgear/fleet"
)

var _ fleet.ClusterStore = (*Store)(nil)

// lease is who leads. Its clock is this process's.
type lease struct {
	fleet.Lease

	until time.Time
}

// leased is the lease, made if it is not there. The mutex is held.
func (s *Store) leased() *lease {
	if s.lease == nil {
		s.lease = &lease{Lease: fleet.Lease{Epoch: rand.Text(), Secret: rand.Text() + rand.Text()}}
		for i := range s.events {
			s.lease.Through = max(s.lease.Through, s.events[i].Seq)
		}
		s.lease.SeqReserved = s.lease.Through
	}
	l := s.lease
	l.Left = 0
	if l.Holder != "" {
		l.Left = time.Until(l.until)
	}
	return l
}

// fenced is an error unless the fence is of the lease. The mutex is held.
func (s *Store) fenced(op string, f *fleet.Fence) error {
	if l := s.leased(); l.Holder != f.Holder || l.Term != f.Term {
		return &fleet.Error{Kind: fleet.Deposed, Op: op, Err: fmt.Errorf("the lease is of %q, in term %d", l.Holder, l.Term)}
	}
	return nil
}

func (l *lease) raise(f *fleet.Fence) {
	l.SeqReserved, l.Through = max(l.SeqReserved, f.Reserve), max(l.Through, f.Through)
}

// Lease implements [fleet.ClusterStore].
func (s *Store) Lease(ctx context.Context) (fleet.Lease, error) {
	if err := s.lock(ctx, "lease"); err != nil {
		return fleet.Lease{}, err
	}
	defer s.mu.Unlock()
	return s.leased().Lease, nil
}

// TakeLease implements [fleet.ClusterStore].
func (s *Store) TakeLease(ctx context.Context, holder, address string, ttl time.Duration, reserve uint64) (fleet.Lease, error) {
	if err := s.lock(ctx, "take lease"); err != nil {
		return fleet.Lease{}, err
	}
	defer s.mu.Unlock()
	l := s.leased()
	if l.Left > 0 {
		return fleet.Lease{}, &fleet.Error{Kind: fleet.Conflict, Op: "take lease", Err: fmt.Errorf("%q has it for %v", l.Holder, l.Left)}
	}
	l.Holder, l.Address, l.until = holder, address, time.Now().Add(ttl)
	l.Term++
	l.Through = l.SeqReserved
	l.SeqReserved += reserve
	return s.leased().Lease, nil
}

// RenewLease implements [fleet.ClusterStore].
func (s *Store) RenewLease(ctx context.Context, f fleet.Fence, ttl time.Duration) (fleet.Lease, error) {
	if err := s.lock(ctx, "renew lease"); err != nil {
		return fleet.Lease{}, err
	}
	defer s.mu.Unlock()
	if err := s.fenced("renew lease", &f); err != nil {
		return fleet.Lease{}, err
	}
	l := s.leased()
	l.raise(&f)
	l.until = time.Now().Add(ttl)
	return s.leased().Lease, nil
}

// ReleaseLease implements [fleet.ClusterStore].
func (s *Store) ReleaseLease(ctx context.Context, f fleet.Fence) error {
	if err := s.lock(ctx, "release lease"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.fenced("release lease", &f) == nil {
		l := s.leased()
		l.raise(&f)
		l.until = time.Now()
	}
	return nil
}

const maxChanges = 10_000

// Changes implements [fleet.ClusterStore].
func (s *Store) Changes(ctx context.Context, after uint64, limit int) (fleet.Changes, error) {
	if err := s.lock(ctx, "changes"); err != nil {
		return fleet.Changes{}, err
	}
	defer s.mu.Unlock()
	if limit < 1 || limit > maxChanges {
		return fleet.Changes{}, &fleet.Error{Kind: fleet.Invalid, Op: "changes", Err: fmt.Errorf("a limit of %d is not in 1 to %d", limit, maxChanges)}
	}
	l := s.leased().Lease
	out := fleet.Changes{Seq: l.Through, Lease: l}
	seqs := s.changed(after, l.Through)
	if len(seqs) > limit {
		out.Seq, out.More = seqs[limit-1], true
	}
	asked := func(seq uint64) bool { return seq > after && seq <= out.Seq }
	for _, e := range s.events {
		if asked(e.Seq) {
			out.Events = append(out.Events, cloneEvent(e))
		}
	}
	for _, r := range s.services {
		if asked(r.Revision) {
			out.Services = append(out.Services, cloneRow(r))
		}
	}
	for _, a := range s.alerts {
		if asked(a.Revision) {
			out.Alerts = append(out.Alerts, cloneAlert(a))
		}
	}
	slices.SortFunc(out.Events, func(a, b fleet.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	slices.SortFunc(out.Services, func(a, b fleet.ServiceRow) int { return cmp.Compare(a.Revision, b.Revision) })
	slices.SortFunc(out.Alerts, func(a, b fleet.Alert) int { return cmp.Compare(a.Revision, b.Revision) })
	out.Seq = max(out.Seq, after)
	return out, nil
}

// changed are the seqs and revisions in a range, rising.
func (s *Store) changed(after, through uint64) []uint64 {
	var seqs []uint64
	add := func(seq uint64) {
		if seq > after && seq <= through {
			seqs = append(seqs, seq)
		}
	}
	for i := range s.events {
		add(s.events[i].Seq)
	}
	for _, r := range s.services {
		add(r.Revision)
	}
	for _, a := range s.alerts {
		add(a.Revision)
	}
	slices.Sort(seqs)
	return seqs
}
