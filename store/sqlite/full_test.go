package sqlite_test

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	modernc "modernc.org/sqlite"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

// writers are the connections that write, by the name they were opened with.
var writers sync.Map

func init() {
	modernc.RegisterConnectionHook(func(conn modernc.ExecQuerierContext, name string) error {
		if strings.Contains(name, "_txlock=immediate") {
			writers.Store(name, conn)
		}
		return nil
	})
}

// limit lets the store's file have so many pages and no more, which is to
// SQLite as if the disk were full.
func limit(t *testing.T, dir string, pages int) {
	t.Helper()
	prefix := "file://" + (&url.URL{Path: filepath.ToSlash(filepath.Join(dir, "switchgear.db"))}).EscapedPath() + "?"
	found := false
	writers.Range(func(name, conn any) bool {
		if strings.HasPrefix(name.(string), prefix) {
			found = true
			if _, err := conn.(modernc.ExecQuerierContext).ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil); err != nil {
				t.Fatal(err)
			}
		}
		return !found
	})
	if !found {
		t.Fatal("the connection was not seen")
	}
}

// large is a batch of so many events that they take hundreds of pages; the
// highest seq is 2001.
func large() fleet.Batch {
	var b fleet.Batch
	for i := range uint64(2000) {
		b.Events = append(b.Events, batch(i+2).Events...)
		b.Events[i].Reason = strings.Repeat("x", 200)
	}
	return b
}

func TestStore_IsUnavailableWhileTheDiskIsFullAndThenWorksAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	write(t, s, 1)
	limit(t, dir, 30)
	for range 3 {
		b := large()
		wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), "the disk is full")
	}
	if got, err := s.Load(t.Context()); err != nil || got.Seq != 1 {
		t.Errorf("with a full disk Load = %+v, %v", got, err)
	}
	limit(t, dir, 1<<30)
	b := large()
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatalf("with space again: %v", err)
	}
	shut(t, s)
	if got, err := open(t, dir).Load(t.Context()); err != nil || got.Seq != 2001 {
		t.Errorf("Load = %+v, %v", got, err)
	}
	if got := line(t, foreign(t, dir), "SELECT COUNT(*), MAX(id) FROM service_events"); got != "2001|2001" {
		t.Errorf("events: %s", got)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d events and rows", n), func(b *testing.B) {
			s, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			var given fleet.Batch
			value := []byte(`{"text":"` + strings.Repeat("x", 900) + `"}`)
			evidence := []byte(`{"text":"` + strings.Repeat("x", 300) + `"}`)
			for i := range n {
				given.Services = append(given.Services, fleet.ServiceRow{Service: fmt.Sprintf("s%d", i), Value: value})
				given.Events = append(given.Events, fleet.Event{Seq: 1, Service: fmt.Sprintf("s%d", i), Kind: fleet.EventTransition, Evidence: evidence})
			}
			for b.Loop() {
				if err := s.Commit(b.Context(), &given); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
