package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/postgres"
	"github.com/degenduel/switchgear/store/sqlite"
)

// copying is what both stores have.
type copying interface {
	fleet.Store
	fleet.SeriesStore
	fleet.AlertStore
	postgres.Copyable
	CopyTo(ctx context.Context, to postgres.Copyable, empty bool, tell func(table string, rows int64, sum string)) error
}

func inFile(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// filled is a SQLite store with some of everything.
func filled(t *testing.T) *sqlite.Store {
	t.Helper()
	s := inFile(t, t.TempDir())
	at := time.Date(2026, 11, 23, 9, 0, 0, 123456000, time.UTC)
	alerts := fleet.AlertBatch{
		Alerts: []fleet.Alert{
			{ID: "a1", Incident: "a1", Kind: "k", Service: "s0", Severity: "info", StartsAt: at, UpdatedAt: at},
			{ID: "a2", Incident: "a1", Kind: "k", Service: "s1", Severity: "info", StartsAt: at, EndsAt: at.Add(1), Affects: []string{"s0"}, Evidence: []byte(`{ "b": 1, "a": 2 }`)},
		},
		Silences:     []fleet.Silence{{ID: "q", Reason: "because", StartsAt: at, EndsAt: at.Add(time.Hour), CreatedAt: at}},
		Deliveries:   []fleet.Delivery{{ID: "d", Receiver: "ops", Incident: "a1", Kind: "opened", Alerts: []byte(`["a1"]`), CreatedAt: at, Attempts: 3, LastError: "no"}},
		Acknowledged: []fleet.Acknowledgement{{Alerts: []string{"a1"}, By: "ada", At: at}},
	}
	for n := range 3 {
		b := fleet.Batch{}
		if n == 0 {
			b.Alerts = alerts
		}
		for i := range 600 { // more than a page, and more than an INSERT takes
			name := fmt.Sprintf("s%d", i)
			b.Services = append(b.Services, fleet.ServiceRow{Service: name, UpdatedAt: at, Value: json.RawMessage(`{"z":1,"a":"ü\u0000\n<","n":[1.50,1e2,0.1]}`), Description: "zero \x00"})
			b.Events = append(b.Events, fleet.Event{Seq: uint64(n*600 + i + 1), Service: name, Kind: fleet.EventReset, At: at, Evidence: []byte(`{"b": "\u0000"}`)})
			b.Configs = append(b.Configs, fleet.ConfigVersion{Service: name, Version: n + 1, Config: []byte(`{ "failureThreshold" : 5 }`), At: at, Actor: "ada"})
			b.Audit = append(b.Audit, fleet.AuditEntry{At: at, Action: "reset", Service: name, Reason: "bad \xff"})
		}
		b.Instances = []fleet.InstanceRow{{Service: "s0", Instance: strconv.Itoa(n), Value: json.RawMessage(`{"name": "ü"}`), UpdatedAt: at}}
		b.Tokens = []fleet.Token{{ID: strconv.Itoa(n), Name: "n", Role: "viewer", Hash: fmt.Sprint("h", n), CreatedAt: at, Services: []string{"s*"}, Parent: "1"}}
		b.Requests = []fleet.Request{{Key: fmt.Sprint("k", n), Fingerprint: "f", At: time.Now()}}
		if err := s.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	err := s.PutSeries(t.Context(), []fleet.SeriesChunk{
		{Service: "", Step: time.Second, Start: at.Truncate(time.Second), End: at.Truncate(time.Minute).Add(time.Hour)},
		{Service: "s0", Step: time.Minute, Start: at.Truncate(time.Minute), End: at.Truncate(time.Minute).Add(time.Hour), Points: []byte{0, 1, 255}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copied are the rows and the sum of each table.
func copied(t *testing.T, from, to copying, empty bool) map[string]string {
	t.Helper()
	sums := make(map[string]string)
	err := from.CopyTo(t.Context(), to, empty, func(table string, rows int64, sum string) { sums[table] = fmt.Sprint(rows, " ", sum) })
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

func TestCopyTo_BringsEverythingThereAndBack(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	first, second, third := filled(t), open(t, url), inFile(t, t.TempDir())
	there := copied(t, first, second, false)
	back := copied(t, second, third, false)
	if diff := cmp.Diff(there, back); diff != "" || len(there) != 11 {
		t.Errorf("the tables (-there +back)\n%s", diff)
	}
	for table, want := range map[string]string{
		"system_settings": "600 ", "service_events": "1800 ", "service_configs": "1800 ", "audit_log": "1800 ", "api_tokens": "3 ",
		"idempotent_requests": "3 ", "service_series": "2 ", "service_instances": "3 ", "alerts": "2 ", "alert_silences": "1 ", "alert_deliveries": "1 ",
	} {
		if !strings.HasPrefix(there[table], want) {
			t.Errorf("%s: %s, want %s", table, there[table], want)
		}
	}
	for name, s := range map[string]copying{"PostgreSQL": second, "SQLite": third} {
		events, err := s.Events(t.Context(), fleet.EventQuery{Limit: 1, Service: "s599"})
		if err != nil || len(events) != 1 || events[0].ID != 1800 || string(events[0].Evidence) != `{"b": "\u0000"}` {
			t.Errorf("%s: Events = %+v, %v", name, events, err)
		}
		b := batch(9999)
		if err := s.Commit(t.Context(), &b); err != nil || b.Events[0].ID != 1801 || b.Audit[0].ID != 1801 {
			t.Errorf("%s: the IDs go on with %d and %d, %v", name, b.Events[0].ID, b.Audit[0].ID, err)
		}
	}
}

func TestCopyTo_FillsOnlyWhatIsEmptyOrMayBeEmptied(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	source, target := filled(t), open(t, url)
	write(t, target, 1)
	err := source.CopyTo(t.Context(), target, false, nil)
	if !errors.Is(err, postgres.ErrNotEmpty) {
		t.Fatalf("CopyTo = %v", err)
	}
	if got, err := target.Load(t.Context()); err != nil || got.Seq != 1 {
		t.Errorf("after the refusal: %+v, %v", got, err)
	}
	copied(t, source, target, true)
	if got, err := target.Load(t.Context()); err != nil || got.Seq != 1800 {
		t.Errorf("after the copy: %d, %v", got.Seq, err)
	}
}

func TestCopyTo_InterruptedLeavesNothingThatAManagerWouldTake(t *testing.T) {
	t.Parallel()
	url, ok := database(t)
	if !ok {
		return
	}
	source := filled(t)
	filling := patient
	filling.Filling = true
	target, err := postgres.Open(t.Context(), url, filling)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = source.CopyTo(ctx, target, false, func(string, int64, string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("CopyTo = %v", err)
	}
	shut(t, target)
	if _, err := postgres.Open(t.Context(), url, patient); !errors.Is(err, postgres.ErrUnfinished) {
		t.Errorf("Open = %v", err)
	}
	target, err = postgres.Open(t.Context(), url, filling)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.CopyTo(t.Context(), target, false, nil); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("CopyTo = %v", err)
	}
	copied(t, source, target, true)
	shut(t, target)
	if got, err := open(t, url).Load(t.Context()); err != nil || len(got.Services) != 600 {
		t.Errorf("Load = %d services, %v", len(got.Services), err)
	}
}

func TestCopyTo_FindsWhatWasNotCopiedAsItWas(t *testing.T) {
	t.Parallel()
	if _, ok := database(t); !ok {
		return
	}
	source := filled(t)
	for name, spoil := range map[string]string{
		"a row is missing": "IF NEW.id = 77 THEN RETURN NULL; END IF",
		"a text differs":   "IF NEW.id = 77 THEN NEW.reason := 'another'; END IF",
		"a time differs":   "IF NEW.id = 77 THEN NEW.at := NEW.at + interval '1 microsecond'; END IF",
		"one is not NULL":  "IF NEW.id = 77 THEN NEW.actor := ''; END IF",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := database(t)
			target, other := open(t, url), foreign(t, url)
			run(t, other, "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+spoil+"; RETURN NEW; END $$")
			run(t, other, "CREATE TRIGGER spoil BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION spoil()")
			err := source.CopyTo(t.Context(), target, false, func(string, int64, string) {})
			if err == nil || !strings.Contains(err.Error(), "compare the table audit_log") {
				t.Errorf("CopyTo = %v", err)
			}
		})
	}
}
