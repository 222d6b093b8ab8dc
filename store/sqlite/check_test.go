package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/degenduel/switchgear/store/sqlite"
)

// spoil overwrites all pages but the first in place, behind the store's back.
func spoil(t *testing.T, dir string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, "switchgear.db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // only then: it would take SQLite's locks away
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, info.Size())
	if _, err := file.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	for number := 1; number < len(content)/page; number++ {
		scramble(content, number)
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
}

func TestStore_ChecksItsFileEveryHour(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	used(t, dir)
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, s)
		time.Sleep(90 * time.Minute)
		if s.Failure() != nil {
			t.Fatalf("of a whole file: %v", s.Failure())
		}
		spoil(t, dir)
		start := time.Now()
		<-s.Failed() // nobody reads and nobody writes
		if took := time.Since(start); took != 30*time.Minute {
			t.Errorf("it was found after %v", took)
		}
		if err := s.Failure(); !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), "switchgear restore FILE") {
			t.Errorf("Failure = %v", err)
		}
		b := batch(5000)
		wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), "nothing is written until the store is opened anew")
	})
}

func TestStore_ChecksItsFileAsOftenAsItIsTold(t *testing.T) {
	t.Parallel()
	for _, interval := range []time.Duration{-1, time.Second} {
		dir := t.TempDir()
		used(t, dir)
		synctest.Test(t, func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), dir, sqlite.Options{CheckInterval: interval})
			if err != nil {
				t.Fatal(err)
			}
			defer shut(t, s)
			if err := os.Rename(filepath.Join(dir, "switchgear.db"), filepath.Join(dir, "away.db")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			if failed := s.Failure() != nil; failed != (interval > 0) {
				t.Errorf("with an interval of %v: %v", interval, s.Failure())
			}
		})
	}
}

func TestStore_IsWrittenWhileItIsChecked(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{CheckInterval: time.Microsecond, Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(200) {
		write(t, s, seq+1)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Seq != 200 {
		t.Errorf("Load = %+v, %v", got, err)
	}
	shut(t, s) // in the middle of a check
	if s.Failure() != nil {
		t.Errorf("a check that was given up: %v", s.Failure())
	}
}

func TestStore_LeavesTheJournalOfAFailedStoreAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := used(t, dir)
	s := open(t, dir)
	write(t, s, 3000)
	spoil(t, dir)
	before, journal := get(t, path), get(t, path+"-wal")
	if err := s.Ping(t.Context()); err == nil {
		_, _ = s.Load(t.Context()) // it comes upon the damage
	}
	<-s.Failed()
	shut(t, s)
	if sum(t, path) != string(before) || !strings.HasPrefix(sum(t, path+"-wal"), string(journal)) {
		t.Error("Close wrote to a file that cannot be trusted")
	}
}
