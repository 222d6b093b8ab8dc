package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// hold opens the store and keeps it.
func hold(ctx context.Context, dir string) error {
	if _, err := sqlite.Open(ctx, dir, sqlite.Options{}); err != nil {
		return err
	}
	fmt.Println("open")
	select {}
}

// commitOnAndOn commits batches of two events, a row and what there is of alerts,
// and says of each the ID of its last event and its seq once it is acknowledged.
func commitOnAndOn(ctx context.Context, dir string) error {
	s, err := sqlite.Open(ctx, dir, patient)
	if err != nil {
		return err
	}
	stored, err := s.Load(ctx)
	if err != nil {
		return err
	}
	for seq := stored.Seq + 1; ; seq += 2 {
		b := batch(seq)
		b.Events = append(b.Events, batch(seq+1).Events...)
		b.Services = []fleet.ServiceRow{{Service: "a", Value: json.RawMessage(fmt.Sprintf(`{"seq":%d}`, seq+1)), UpdatedAt: time.Now()}}
		b.Audit = []fleet.AuditEntry{{At: time.Now(), Action: "count"}}
		b.Alerts = alertsOf(seq + 1)
		if err := s.Commit(ctx, &b); err != nil {
			return err
		}
		fmt.Println(b.Events[1].ID, seq+1)
	}
}

// alertsOf is a new alert, acknowledged, one that is written over, a message and
// a silence.
func alertsOf(seq uint64) fleet.AlertBatch {
	id := fmt.Sprintf("%09d", seq)
	return fleet.AlertBatch{
		Alerts:       []fleet.Alert{{ID: id, Incident: id, Service: "a"}, {ID: "0", Incident: "0", Service: "a", Summary: id}},
		Silences:     []fleet.Silence{{ID: "0", Reason: id}},
		Deliveries:   []fleet.Delivery{{ID: id, Receiver: "ops", Incident: id}},
		Acknowledged: []fleet.Acknowledgement{{Alerts: []string{id}, By: "ada", At: time.Now()}},
	}
}

func TestStore_KeepsWhatItAcknowledgedThroughKill9(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var lastID, lastSeq int64
	for round := range 10 {
		c := start(t, "commit", dir)
		acknowledged := 0
		for want := 1 + rand.IntN(60); acknowledged < want; acknowledged++ {
			said, ok := c.line()
			if !ok {
				t.Fatalf("round %d: the child ended after %d commits", round, acknowledged)
			}
			parse(t, said, &lastID, &lastSeq)
		}
		for _, said := range c.kill(t) {
			if strings.Count(said, " ") == 1 { // the last may be cut
				parse(t, said, &lastID, &lastSeq)
			}
		}
		s := open(t, dir) // it checks the file
		verify(t, s, dir, lastID, lastSeq)
		shut(t, s)
	}
}

func parse(t *testing.T, said string, id, seq *int64) {
	t.Helper()
	if _, err := fmt.Sscan(said, id, seq); err != nil {
		t.Errorf("the child said %q: %v", said, err)
	}
}

// verify wants all that was acknowledged, in whole batches, without gaps. One
// more than was acknowledged may be there.
func verify(t *testing.T, s *sqlite.Store, dir string, lastID, lastSeq int64) {
	t.Helper()
	other := foreign(t, dir)
	if got := line(t, other, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	var count, minID, maxID, maxSeq, audits, seqOfRow int64
	got := line(t, other, `SELECT COUNT(*), MIN(id), MAX(id), MAX(seq), (SELECT COUNT(*) FROM audit_log),
		(SELECT value ->> 'seq' FROM system_settings WHERE key = 'service:a') FROM service_events`)
	if _, err := fmt.Sscan(strings.ReplaceAll(got, "|", " "), &count, &minID, &maxID, &maxSeq, &audits, &seqOfRow); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if maxID < lastID || maxSeq < lastSeq {
		t.Errorf("event %d, seq %d was acknowledged; the newest is %d, seq %d", lastID, lastSeq, maxID, maxSeq)
	}
	if minID != 1 || count != maxID || maxSeq != maxID {
		t.Errorf("there are gaps: %s", got)
	}
	if count != 2*audits || maxSeq != seqOfRow {
		t.Errorf("half a batch is there: %s", got)
	}
	got = line(t, other, `SELECT (SELECT COUNT(*) FROM alerts WHERE acknowledged_by = 'ada'), (SELECT COUNT(*) FROM alert_deliveries),
		(SELECT MAX(id) FROM alerts), (SELECT summary FROM alerts WHERE id = '0'), (SELECT reason FROM alert_silences)`)
	if id := fmt.Sprintf("%09d", maxSeq); got != fmt.Sprintf("%d|%d|%s|%s|%s", audits, audits, id, id, id) {
		t.Errorf("of %d batches until %s there are of alerts: %s", audits, id, got)
	}
	newest, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1})
	if err != nil || len(newest) != 1 || newest[0].ID != maxID {
		t.Errorf("Events = %v, %v", newest, err)
	}
}

func TestOpen_RefusesASecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, "hold", dir)
	if said, ok := c.line(); !ok || said != "open" {
		t.Fatalf("the child said %q", said)
	}
	for range 2 { // being refused leaves the other's hold alone
		_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if !errors.Is(err, sqlite.ErrInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "process "+strconv.Itoa(c.Process.Pid)) {
			t.Errorf("Open beside another process = %v", err)
		}
	}
	c.kill(t)
	s := open(t, dir)
	if _, err := sqlite.Open(t.Context(), dir, sqlite.Options{}); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("Open twice in a process = %v", err)
	}
	shut(t, s)
	open(t, dir)
}
