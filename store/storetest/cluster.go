package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
)

// RunCluster checks every law of fleet.ClusterStore on stores that open makes.
// Each is empty and a test's own.
func RunCluster(t *testing.T, open func(t *testing.T) fleet.ClusterStore) {
	for _, law := range []struct {
		name  string
		holds func(*testing.T, fleet.ClusterStore)
	}{
		{"ALeaseIsOfOneAtATime", leaseOfOne},
		{"AnExpiredLeaseIsTakenWithTheNextTerm", leaseExpires},
		{"AReleasedLeaseIsFreeAtOnce", leaseReleased},
		{"ADeposedLeaderWritesNothing", deposedWritesNothing},
		{"ChangesAreAllThatIsThroughInOrder", changesInOrder},
		{"ChangesComeInParts", changesInParts},
		{"TokensAndSilencesRaiseTheRevision", revisionRises},
	} {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			law.holds(t, open(t))
		})
	}
}

const (
	leaseTTL   = 30 * time.Second // longer than any test
	leaseBlock = 1000
)

func lead(t *testing.T, s fleet.ClusterStore, holder string, ttl time.Duration) fleet.Lease {
	t.Helper()
	l, err := s.TakeLease(t.Context(), holder, "http://"+holder, ttl, leaseBlock)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// awaitExpiry waits until the store says that the lease has expired.
func awaitExpiry(t *testing.T, s fleet.ClusterStore) {
	t.Helper()
	for {
		l, err := s.Lease(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if l.Left <= 0 {
			return
		}
		wait := time.NewTimer(min(l.Left, 50*time.Millisecond))
		select {
		case <-wait.C:
		case <-t.Context().Done():
			t.Fatal("the lease does not expire")
		}
	}
}

func leaseOfOne(t *testing.T, s fleet.ClusterStore) {
	free, err := s.Lease(t.Context())
	if err != nil || free.Holder != "" || free.Term != 0 || free.Left > 0 || free.Epoch == "" || len(free.Secret) < 32 {
		t.Fatalf("a lease that nobody ever had: %+v, %v", free, err)
	}
	l := lead(t, s, "a", leaseTTL)
	if l.Term != 1 || l.Holder != "a" || l.Address != "http://a" || l.Left <= 0 || l.Left > leaseTTL || l.Through != free.SeqReserved || l.SeqReserved != l.Through+leaseBlock {
		t.Errorf("taken: %+v, after %+v", l, free)
	}
	for _, who := range []string{"b", "a"} {
		if _, err := s.TakeLease(t.Context(), who, "", leaseTTL, leaseBlock); fleet.KindOf(err) != fleet.Conflict {
			t.Errorf("%s takes it too: %v", who, err)
		}
	}
	renewed, err := s.RenewLease(t.Context(), fleet.Fence{Holder: "a", Term: 1, Reserve: 5000, Through: 7}, leaseTTL)
	if err != nil || renewed.SeqReserved != 5000 || renewed.Through != 7 || renewed.Term != 1 || renewed.Epoch != free.Epoch || renewed.Secret != free.Secret {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}
	if again, err := s.RenewLease(t.Context(), fleet.Fence{Holder: "a", Term: 1, Reserve: 1, Through: 1}, leaseTTL); err != nil || again.SeqReserved != 5000 || again.Through != 7 {
		t.Errorf("what was reserved went back: %+v, %v", again, err)
	}
	for _, f := range []fleet.Fence{{Holder: "b", Term: 1}, {Holder: "a", Term: 2}} {
		if _, err := s.RenewLease(t.Context(), f, leaseTTL); fleet.KindOf(err) != fleet.Deposed {
			t.Errorf("%+v renews it: %v", f, err)
		}
		if err := s.ReleaseLease(t.Context(), f); err != nil {
			t.Errorf("to release another's is %v", err)
		}
	}
	if now, err := s.Lease(t.Context()); err != nil || now.Holder != "a" || now.Left <= 0 {
		t.Errorf("at the end: %+v, %v", now, err)
	}
}

func leaseExpires(t *testing.T, s fleet.ClusterStore) {
	old := lead(t, s, "a", 100*time.Millisecond)
	awaitExpiry(t, s)
	if l, err := s.RenewLease(t.Context(), fleet.Fence{Holder: "a", Term: old.Term}, 100*time.Millisecond); err != nil || l.Left <= 0 {
		t.Errorf("a late renewal of what nobody took: %+v, %v", l, err)
	}
	awaitExpiry(t, s)
	l := lead(t, s, "b", leaseTTL)
	if l.Term != old.Term+1 || l.Holder != "b" || l.Through != old.SeqReserved || l.SeqReserved != old.SeqReserved+leaseBlock || l.Epoch != old.Epoch {
		t.Errorf("taken over: %+v, after %+v", l, old)
	}
}

func leaseReleased(t *testing.T, s fleet.ClusterStore) {
	l := lead(t, s, "a", leaseTTL)
	if err := s.ReleaseLease(t.Context(), fleet.Fence{Holder: "a", Term: l.Term, Through: 3}); err != nil {
		t.Fatal(err)
	}
	if next := lead(t, s, "b", leaseTTL); next.Term != l.Term+1 {
		t.Errorf("%+v", next)
	}
}

func deposedWritesNothing(t *testing.T, s fleet.ClusterStore) {
	old := lead(t, s, "a", leaseTTL)
	fence := &fleet.Fence{Holder: "a", Term: old.Term}
	if err := s.ReleaseLease(t.Context(), *fence); err != nil {
		t.Fatal(err)
	}
	lead(t, s, "b", leaseTTL)
	b := &fleet.Batch{
		Fence: fence, Events: []fleet.Event{{Seq: 1, Service: "x", Kind: fleet.EventReset, At: time.Now()}},
		Audit: []fleet.AuditEntry{{Action: "reset", At: time.Now()}}, Configs: []fleet.ConfigVersion{{Service: "x", Version: 1, Config: []byte("{}"), At: time.Now()}},
	}
	if err := s.Commit(t.Context(), b); fleet.KindOf(err) != fleet.Deposed {
		t.Errorf("Commit = %v", err)
	}
	events, err := s.Events(t.Context(), fleet.EventQuery{Limit: 10})
	if err != nil || len(events) > 0 {
		t.Errorf("it was written: %v, %v", events, err)
	}
	if audit, err := s.Audit(t.Context(), fleet.AuditQuery{Limit: 10}); err != nil || len(audit) > 0 {
		t.Errorf("it was written: %v, %v", audit, err)
	}
	b.Fence = nil
	if err := s.Commit(t.Context(), b); err != nil {
		t.Errorf("without a fence: %v", err)
	}
}

// numbered is a batch of an event, a service and an alert of that number, at the
// seqs behind one another.
func numbered(l fleet.Lease, n int, through bool) *fleet.Batch {
	first := l.Through + uint64(3*n) //nolint:gosec // small
	at := time.Date(2026, 11, 23, 8, 0, n, 0, time.UTC)
	b := &fleet.Batch{
		Fence:    &fleet.Fence{Holder: l.Holder, Term: l.Term},
		Events:   []fleet.Event{{Seq: first + 1, Service: "s", Kind: fleet.EventReset, At: at}},
		Services: []fleet.ServiceRow{{Service: fmt.Sprintf("s%d", n), Value: []byte(`{"running": true}`), UpdatedAt: at, Revision: first + 2}},
	}
	b.Alerts.Alerts = []fleet.Alert{{
		ID: fmt.Sprintf("a%d", n), Incident: "a0", Kind: fleet.AlertFlapping, Service: "s", Severity: fleet.SeverityInfo, StartsAt: at, UpdatedAt: at, Revision: first + 3,
	}}
	if through {
		b.Fence.Through = first + 3
	}
	return b
}

// seqsOf are the seqs of changes, in words.
func seqsOf(c *fleet.Changes, base uint64) []string {
	var all []string
	for i := range c.Events {
		all = append(all, fmt.Sprint("event ", c.Events[i].Seq-base))
	}
	for i := range c.Services {
		all = append(all, fmt.Sprint(c.Services[i].Service, " ", c.Services[i].Revision-base))
	}
	for i := range c.Alerts {
		all = append(all, fmt.Sprint(c.Alerts[i].ID, " ", c.Alerts[i].Revision-base))
	}
	return all
}

func changesInOrder(t *testing.T, s fleet.ClusterStore) {
	l := lead(t, s, "a", leaseTTL)
	check := func(after, upTo uint64, want ...string) {
		t.Helper()
		c, err := s.Changes(t.Context(), l.Through+after, 100)
		if err != nil || c.More || c.Seq != l.Through+upTo || c.Lease.Holder != "a" {
			t.Errorf("%d … %d, more %v, %v, of %+v", after, c.Seq-l.Through, c.More, err, c.Lease)
		}
		if diff := cmp.Diff(want, seqsOf(&c, l.Through)); diff != "" {
			t.Errorf("after %d (-want +got):\n%s", after, diff)
		}
	}
	commit := func(b *fleet.Batch) {
		t.Helper()
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	check(0, 0)
	commit(numbered(l, 0, true))
	check(0, 3, "event 1", "s0 2", "a0 3")
	check(1, 3, "s0 2", "a0 3")
	commit(numbered(l, 1, false))
	check(3, 3) // something with a lower seq may still come
	moved := numbered(l, 2, true)
	moved.Services[0].Service, moved.Alerts.Alerts[0].ID = "s0", "a0"
	commit(moved)
	check(0, 9, "event 1", "event 4", "event 7", "s1 5", "s0 8", "a1 6", "a0 9") // each as it is now
	check(9, 9)
	check(20, 20) // nothing goes back
	ack := &fleet.Batch{Fence: &fleet.Fence{Holder: "a", Term: l.Term, Through: l.Through + 10}}
	ack.Alerts.Acknowledged = []fleet.Acknowledgement{{Alerts: []string{"a1"}, By: "alice", At: time.Now(), Revision: l.Through + 10}}
	commit(ack)
	check(9, 10, "a1 10")
	for _, limit := range []int{0, 10_001} {
		if _, err := s.Changes(t.Context(), 0, limit); fleet.KindOf(err) != fleet.Invalid {
			t.Errorf("a limit of %d: %v", limit, err)
		}
	}
}

func changesInParts(t *testing.T, s fleet.ClusterStore) {
	l := lead(t, s, "a", leaseTTL)
	for n := range 10 {
		if err := s.Commit(t.Context(), numbered(l, n, true)); err != nil {
			t.Fatal(err)
		}
	}
	var seqs []uint64
	for after, more := uint64(0), true; more; {
		c, err := s.Changes(t.Context(), l.Through+after, 7)
		if err != nil {
			t.Fatal(err)
		}
		got := len(c.Events) + len(c.Services) + len(c.Alerts)
		if got > 7 || c.More && got == 0 {
			t.Fatalf("%d at once, and more %v", got, c.More)
		}
		for seq := after + 1; seq <= c.Seq-l.Through; seq++ {
			seqs = append(seqs, seq)
		}
		if uint64(got) != c.Seq-l.Through-after {
			t.Errorf("from %d to %d there are %d", after, c.Seq-l.Through, got)
		}
		after, more = c.Seq-l.Through, c.More
	}
	if len(seqs) != 30 {
		t.Errorf("%d of 30", len(seqs))
	}
}

func revisionRises(t *testing.T, s fleet.ClusterStore) {
	l := lead(t, s, "a", leaseTTL)
	at := time.Now()
	silence := &fleet.Batch{}
	silence.Alerts.Silences = []fleet.Silence{{ID: "q", Reason: "r", Author: "alice", StartsAt: at, EndsAt: at.Add(time.Hour), CreatedAt: at}}
	for i, b := range []*fleet.Batch{
		{Tokens: []fleet.Token{{ID: "1", Name: "n", Role: "viewer", Hash: "h", CreatedAt: at, CreatedBy: "alice"}}},
		{Revoked: []string{"1"}},
		silence,
	} {
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		now, err := s.Lease(t.Context())
		if err != nil || now.Revision <= l.Revision {
			t.Errorf("batch %d: %d after %d, %v", i, now.Revision, l.Revision, err)
		}
		l = now
	}
	if err := s.Commit(t.Context(), &fleet.Batch{Audit: []fleet.AuditEntry{{Action: "look", At: at}}}); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Lease(t.Context()); err != nil || now.Revision != l.Revision {
		t.Errorf("an entry of the log raised it: %d after %d, %v", now.Revision, l.Revision, err)
	}
}
