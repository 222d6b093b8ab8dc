package sqlite_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/degenduel/switchgear/fleet"
	"github.com/degenduel/switchgear/store/sqlite"
)

const page = 4096

// used makes a database with some content and returns its file.
func used(t *testing.T, dir string) string {
	t.Helper()
	s := open(t, dir)
	var b fleet.Batch
	for i := range uint64(2000) {
		b.Events = append(b.Events, batch(i+1).Events...)
	}
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	return filepath.Join(dir, "switchgear.db")
}

func TestOpen_RefusesWhatIsNoWholeDatabaseOfOurs(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string){
		"a text file": func(t *testing.T, path string) {
			t.Helper()
			put(t, path, []byte(strings.Repeat("this is no database\n", 1000)))
		},
		"one byte": func(t *testing.T, path string) {
			t.Helper()
			put(t, path, []byte("S"))
		},
		"an empty file": func(t *testing.T, path string) {
			t.Helper()
			put(t, path, nil)
		},
		"cut to half": func(t *testing.T, path string) {
			t.Helper()
			content := get(t, path)
			put(t, path, content[:len(content)/2/page*page])
		},
		"cut in a page": func(t *testing.T, path string) {
			t.Helper()
			content := get(t, path)
			put(t, path, content[:len(content)-page/2])
		},
		"cut to one page": func(t *testing.T, path string) {
			t.Helper()
			put(t, path, get(t, path)[:page])
		},
		"a random first page": func(t *testing.T, path string) {
			t.Helper()
			put(t, path, scramble(get(t, path), 0))
		},
		"random pages": func(t *testing.T, path string) {
			t.Helper()
			content := get(t, path)
			for range 5 {
				scramble(content, 1+rand.IntN(len(content)/page-1))
			}
			put(t, path, content)
		},
		"a page of zeros": func(t *testing.T, path string) {
			t.Helper()
			content := get(t, path)
			clear(content[len(content)/2/page*page:][:page])
			put(t, path, content)
		},
		"another program's database": func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			run(t, foreign(t, filepath.Dir(path)), "CREATE TABLE theirs (n INTEGER)")
		},
		"missing beside its journal": func(t *testing.T, path string) {
			t.Helper()
			put(t, path+"-wal", get(t, path))
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := used(t, dir)
			damage(t, path)
			before := sum(t, path)
			for range 2 { // the refusal does no harm, and gives the lock back
				_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
				if !errors.Is(err, sqlite.ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "switchgear restore FILE") {
					t.Fatalf("Open = %v", err)
				}
			}
			if sum(t, path) != before {
				t.Error("Open changed the file")
			}
		})
	}
}

// sum is the file's content, or nothing if it is not there.
func sum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(content)
}

func get(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// scramble overwrites a page with random bytes.
func scramble(content []byte, number int) []byte {
	for i := range page {
		content[number*page+i] = byte(rand.Uint32())
	}
	return content
}

func TestOpen_SaysWhatStandsInItsWay(t *testing.T) {
	t.Parallel()
	t.Run("a file where the directory should be", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "data")
		put(t, path, nil)
		_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), path+" is not a directory") {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("a directory where the file should be", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "switchgear.db"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), "switchgear.db is not a file") {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		dir := t.TempDir()
		if _, err := sqlite.Open(ctx, dir, sqlite.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Open = %v", err)
		}
		open(t, dir)
	})
}

func TestOpen_TakesAnyPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "a b?mode=ro#c%20d&e=ü")
	write(t, open(t, dir), 1)
	if _, err := os.Stat(filepath.Join(dir, "switchgear.db")); err != nil {
		t.Error(err)
	}
}

func TestStore_WritesNothingMoreToADamagedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	used(t, dir)
	s := open(t, dir)
	spoil(t, dir)
	// A reader that has nothing in its memory comes upon it first or a writer;
	// once a writer has, no batch is acknowledged.
	refused := false
	for seq := uint64(3000); seq < 6000 && !refused; seq += 500 {
		var b fleet.Batch
		for i := range uint64(500) {
			b.Events = append(b.Events, batch(seq+i).Events...)
		}
		err := s.Commit(t.Context(), &b)
		if refused = err != nil; refused {
			wantUnavailable(t, "Commit", err, "the file is damaged")
		}
	}
	if !refused {
		t.Fatal("the store went on writing to a damaged file")
	}
	for range 3 {
		b := batch(9999)
		wantUnavailable(t, "Commit", s.Commit(t.Context(), &b), "nothing is written until the store is opened anew")
		wantUnavailable(t, "Ping", s.Ping(t.Context()), "nothing is written until the store is opened anew")
	}
	shut(t, s)
	if _, err := sqlite.Open(t.Context(), dir, sqlite.Options{}); !errors.Is(err, sqlite.ErrDamaged) {
		t.Errorf("Open = %v", err)
	}
}
