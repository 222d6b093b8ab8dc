package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

func wantRefused(t *testing.T, dir, words string) {
	t.Helper()
	for range 2 {
		_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "switchgear restore FILE") {
			t.Fatalf("Open = %v; want it to say %q", err, words)
		}
	}
}

func TestOpen_RefusesAnOlderFile(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]fleet.Batch{
		"by an event":        batch(2),
		"by an audit entry":  {Audit: []fleet.AuditEntry{{Action: "look"}}},
		"by both, and a row": {Audit: []fleet.AuditEntry{{Action: "look"}}, Events: batch(2).Events, Services: []fleet.ServiceRow{{Service: "a", Value: []byte("{}")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			write(t, s, 1)
			shut(t, s)
			path := filepath.Join(dir, "switchgear.db")
			older := get(t, path)
			s = open(t, dir)
			if err := s.Commit(t.Context(), &later); err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			newer := get(t, path)
			put(t, path, older)
			wantRefused(t, dir, "it is older than what was acknowledged here")
			put(t, path, newer)
			shut(t, open(t, dir))
		})
	}
}

func TestOpen_NoticesThatTheJournalOfAKilledProcessIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, open(t, dir))
	c := start(t, "commit", dir)
	for range 5 {
		if _, ok := c.line(); !ok {
			t.Fatal("the child ended")
		}
	}
	c.kill(t)
	if err := os.Remove(filepath.Join(dir, "switchgear.db-wal")); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, dir, "its journal was taken away")
}

func TestOpen_BeginsAnewWhereTheDatabaseIsGoneOnlyIfToldTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, func() *sqlite.Store { s := open(t, dir); write(t, s, 1); return s }())
	if err := os.Remove(filepath.Join(dir, "switchgear.db")); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, dir, "to begin anew without it, remove")
	if err := os.Remove(filepath.Join(dir, "switchgear.mark")); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Load(t.Context()); err != nil || got.Seq != 0 {
		t.Errorf("Load = %+v, %v", got, err)
	}
}

func TestOpen_DoesWithoutAMark(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"gone":        os.Remove,
		"empty":       func(path string) error { return os.Truncate(path, 0) },
		"nonsense":    func(path string) error { return os.WriteFile(path, []byte("events many audit"), 0o600) },
		"a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			write(t, s, 1)
			shut(t, s)
			if err := spoil(filepath.Join(dir, "switchgear.mark")); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			write(t, s, 2)
			shut(t, s)
			open(t, dir)
		})
	}
}

func TestStore_FailsForGoodWhenItsFileIsTakenAway(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]struct {
		away  func(path string) error
		words string
	}{
		"removed": {os.Remove, "it was removed while in use"},
		"moved":   {func(path string) error { return os.Rename(path, path+".old") }, "it was removed while in use"},
		"replaced": {func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(path+".copy", content, 0o600), os.Rename(path+".copy", path))
		}, "another file was put in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			write(t, s, 1)
			if s.Failure() != nil {
				t.Fatal(s.Failure())
			}
			if err := take.away(filepath.Join(dir, "switchgear.db")); err != nil {
				t.Fatal(err)
			}
			b := batch(2)
			wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), take.words)
			<-s.Failed()
			wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), "nothing is written until the store is opened anew")
			if err := s.Failure(); !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), take.words) {
				t.Errorf("Failure = %v", err)
			}
		})
	}
}
